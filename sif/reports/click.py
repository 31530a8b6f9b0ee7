"""The report of searches and trainings for clicks: files, plots and tables."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from nasp.search import SearchResult
from sif.data import Splits
from sif.data.click_data import Clicks, check_labels
from sif.data.click_rates import TRIVIAL
from sif.evaluation.clicks import AUC, VALUES
from sif.models.click import FUNCTION
from sif.nn.fields import PAIRS
from sif.reports.base import SHOWN, RecommenderReport
from sif.tasks.click import ClickTask, name_of


class ClickReport(RecommenderReport):
    """The found function and the trivial models, evaluated on the test rows.

    The best by validation AUC is the answer, and is the model that is saved.

    Args:
        task: The task, with training and validation rows.
        found: The result of the search or training.
        splits: All rows. Only the report uses test rows.
    """

    def __init__(self, task: ClickTask, found: SearchResult, splits: Splits) -> None:
        self.found, self.train = found, splits.train
        self.model, refitted = task.models(found)
        self.genotype = self.model.genotype
        self.function = name_of(self.genotype)
        self.answer = TRIVIAL.get(self.model.answer, self.function)
        test = Clicks.encode(splits.test, task.data.encoder, task.device)
        check_labels(test.labels, "test")
        self.metrics = {"test/unseen_rows": float(test.unseen)}
        for name, part in (("valid", task.data.valid), ("test", test)):
            values = self.model.metrics(part)
            self.metrics |= {f"{name}/{key}": value for key, value in values.items()}
        self.metrics["model/parameters"] = self.model.network.size()
        if refitted is not None:
            self.model, values = refitted, refitted.metrics(test)
            for metric in VALUES:
                self.metrics[f"refit/test/{metric.name}"] = values[metric.name]
        self.model.add_clicked(splits.test)
        self.seconds, self.metric, self.searches = found.seconds, task.metrics[0], found.searches
        self.epochs = len(self.curve())

    def text(self) -> str:
        return self.answer

    def draw(self, folder: Path) -> list[Path]:
        files = [folder / "training.png"]
        self.draw_trainings(AUC, files[0])
        return files

    def show(self, console: Console, result: Mapping[str, Any]) -> None:
        console.print(self.trainings(AUC))
        operations = Counter(operation for _, operation in self.genotype.choices[PAIRS])
        if len(operations) > 1:
            for operation in operations:
                named = [pair for pair, name in self.genotype.choices[PAIRS] if name == operation]
                shown = "; ".join(named[:SHOWN]) + ("; …" if len(named) > SHOWN else "")
                console.print(f"{operation} of {len(named)} pairs: {shown}")
        final = Table(title="clicks", title_justify="left")
        for column in self._columns():
            final.add_column(column, justify="left" if column == "model" else "right")
        for cells in self._cells():
            final.add_row(*cells)
        console.print(final)
        console.print(f"the answer is {self.answer}, the best by {AUC.on('valid').title}")
        if self.model.answer != FUNCTION:
            console.print(
                "the found function is no better: the rows may hold no interaction; a smaller "
                "--learning_rate or a larger --weight_decay may help"
            )
        if unseen := int(self.metrics["test/unseen_rows"]):
            console.print(f"{unseen} test rows have an id unseen in training, whose part is zero")

    def _columns(self) -> list[str]:
        return ["model", AUC.on("valid").title, *(metric.on("test").title for metric in VALUES)]

    def _cells(self) -> list[list[str]]:
        """Return the rows of the final table as text."""
        function = "" if self.model.answer == FUNCTION else f"_{FUNCTION}"
        rows = {
            **{f"_{key}": title for key, title in TRIVIAL.items()},
            function: f"found: {self.function}",
        }
        names = [AUC.on("valid").name, *(metric.on("test").name for metric in VALUES)]
        cells = [
            [title, *(f"{self.metrics[name + ending]:.4f}" for name in names)]
            for ending, title in rows.items()
        ]
        again = [f"refit/{metric.on('test').name}" for metric in VALUES]
        if again[0] in self.metrics:
            shown = (f"{self.metrics[name]:.4f}" for name in again)
            cells.append(["the answer, trained on validation rows, too", "", *shown])
        return cells
