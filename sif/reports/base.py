"""`RecommenderReport`, what the reports of all tasks share."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table as RichTable

from nasp.experiment.report import Report, ServedModel
from nasp.metric import LOSS, Metric, Metrics
from nasp.runs import plots
from nasp.search import SearchResult
from sif.data import Table

SHOWN = 5  # functions in the plot and the table


class RecommenderReport(Report):
    """The report of a search whose answer is a model that is saved and served.

    Attributes:
        found: The result of the search or training.
        train: The training rows, for examples of a served model's input.
        model: The model that is saved.
    """

    found: SearchResult
    train: Table
    model: Any

    @abstractmethod
    def _columns(self) -> list[str]:
        """Return the headings of the final table's columns."""

    @abstractmethod
    def _cells(self) -> list[list[str]]:
        """Return the rows of the final table as text."""

    def curve(self) -> Sequence[Metrics]:
        assert self.found.trained is not None
        return self.found.trained.history

    def save_model(self, path: Path) -> bool:
        self.model.save(path)
        return True

    def served(self, path: Path) -> ServedModel:
        columns = self.model.encoder.columns
        inputs = next(self.train.blocks()).frame()[list(columns)].head(5)
        code = Path(__file__).parents[1] / "serving.py"
        return ServedModel(code, columns, self.model.predict(inputs))

    def table(self) -> str:
        lines = ["| " + " | ".join(self._columns()) + " |", "|---" * len(self._columns()) + "|"]
        lines += ["| " + " | ".join(cells) + " |" for cells in self._cells()]
        return "\n".join(lines)

    def draw_trainings(self, metric: Metric, path: Path) -> None:
        """Plot the best of the functions trained alone by a validation metric."""
        best = dict(list(self.found.trainings.items())[:SHOWN])
        drawn = (LOSS.on("train"), metric.on("valid"))
        plots.curves(best, drawn, path, "Best of the functions trained alone")

    def trainings(self, metric: Metric) -> RichTable:
        """Return the table of the best of the functions trained alone."""
        table = RichTable(title="best of the functions trained alone", title_justify="left")
        for column in ("function", "epochs", f"validation {metric.title}"):
            table.add_column(column, justify="left" if column == "function" else "right")
        for name, history in list(self.found.trainings.items())[:SHOWN]:
            values = [epoch[metric.on("valid").name] for epoch in history]
            best = values[metric.best_position(values)]
            table.add_row(name, str(len(history)), f"{best:.4f}")
        return table
