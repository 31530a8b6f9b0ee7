"""The report of searches and trainings of interaction functions: files, plots and tables."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from nasp.metric import Metrics
from nasp.runs import plots
from nasp.search import SearchResult
from sif.data import Splits
from sif.data.biases import predict_from_biases
from sif.data.rating_tensors import Ratings
from sif.data.split import mean_over
from sif.evaluation.ratings import RMSE, VALUES, evaluate_predictions
from sif.models.rating import InteractionModel
from sif.nn.space import DECISION, InteractionSpace
from sif.reports.base import RecommenderReport
from sif.tasks.rating import RatingTask

DRAWN = 8  # weights in a plot
NEGLIGIBLE = 0.002  # smallest relative gain of RMSE that is reported as a gain


@dataclass
class Row:
    """A model in the final table, with its metrics by name.

    Attributes:
        name: The model's name.
        valid: Metrics on validation ratings; empty if it was trained on them.
        test: Metrics on test ratings.
    """

    name: str
    valid: Metrics
    test: Metrics


class RatingReport(RecommenderReport):
    """The found interaction function and the trivial models, evaluated on the test ratings.

    Args:
        task: The task, with training and validation ratings.
        found: The result of the search or training.
        splits: All ratings. Only the report uses test ratings.
    """

    def __init__(self, task: RatingTask, found: SearchResult, splits: Splits) -> None:
        self.found, self.train = found, splits.train
        judged, refitted = task.model(found), task.refitted_model(found)
        self.model = refitted or judged
        self.genotype = self.model.genotype
        self.operation = task.title(found)
        self.rows, self.metrics = self._evaluated(task, judged, splits)
        if refitted is not None:
            test = refitted.encode(splits.test)
            on_test = evaluate_predictions(refitted.rate(test), test, refitted.scale)
            self.rows.append(Row("refitted on validation ratings, too", {}, on_test))
            self.metrics |= {f"refit/test/{name}": value for name, value in on_test.items()}
        self.metrics["model/parameters"] = self.model.size()
        self.model.add_rated(splits.test)
        self.seconds, self.metric, self.searches = found.seconds, task.metrics[0], found.searches
        self.epochs = len(self.curve())

    def text(self) -> str:
        return self.operation

    def draw(self, folder: Path) -> list[Path]:
        files = [folder / "training.png"]
        self.draw_trainings(RMSE, files[0])
        network = self.model.network
        if isinstance(network, InteractionSpace) and network.transform is not None:
            files.append(folder / "function.png")
            draw_function(network, self.operation, self.model.encoder.columns, files[-1])
        if self.found.searches:
            files.append(folder / "search.png")
            prefix = f"arch/{DECISION}/"
            history = next(iter(self.found.searches.values()))
            names = [key.removeprefix(prefix) for key in history[0] if key.startswith(prefix)]
            largest = sorted(names, key=lambda name: -history[-1][prefix + name])[:DRAWN]
            shown = [name for name in names if name in largest]
            few = len(names) <= DRAWN
            which = "each function" if few else f"the {DRAWN} largest of {len(names)}"
            plots.weights(
                shown,
                [[epoch[prefix + name] for epoch in history] for name in shown],
                files[-1],
                f"Weight of {which} in the search that found the best",
            )
        return files

    def show(self, console: Console, result: Mapping[str, Any]) -> None:
        console.print(self.trainings(RMSE))
        final = Table(title="errors in rating units", title_justify="left")
        for column in self._columns():
            final.add_column(column, justify="left" if column == "model" else "right")
        for cells in self._cells():
            final.add_row(*cells)
        console.print(final)
        *others, found = (row.test[RMSE.name] for row in self.rows[:3])
        share = 1 - found / min(others)
        if share > NEGLIGIBLE:
            console.print(f"test RMSE of the answer is {share:.1%} below that of trivial models")
        else:
            console.print(
                "the answer is no better than trivial models: the ratings may hold no interaction; "
                "a smaller --learning_rate or a larger --weight_decay may help"
            )
        if len(self.rows) > 3:
            console.print("model.pt holds the refitted model")
        if unseen := int(self.metrics["test/unseen_ratings"]):
            console.print(
                f"{unseen} test ratings have an id unseen in training: predicted by the global "
                "mean and the biases of the ids that are known"
            )

    def _columns(self) -> list[str]:
        return ["model", RMSE.on("valid").title, *(metric.on("test").title for metric in VALUES)]

    def _cells(self) -> list[list[str]]:
        """Return the rows of the final table as text."""
        return [
            [
                f"answer: {self.operation}" if row.name == "found" else row.name,
                f"{row.valid[RMSE.name]:.4f}" if row.valid else "",
                *(f"{value:.4f}" for value in row.test.values()),
            ]
            for row in self.rows
        ]

    def _evaluated(
        self, task: RatingTask, model: InteractionModel, splits: Splits
    ) -> tuple[list[Row], Metrics]:
        data = task.data
        scale, test = data.scale, data.encode(splits.test)
        models: dict[str, Callable[[Ratings], Tensor]] = {
            "biases": lambda ratings: predict_from_biases(data.biases, ratings),
            "found": model.rate,
        }
        valid_rmse, test_rmse = (
            mean_over([part], lambda ratings: np.square(ratings - scale.mean)) ** 0.5
            for part in (splits.valid, splits.test)
        )
        mae = mean_over([splits.test], lambda ratings: np.abs(ratings - scale.mean))
        of_mean = evaluate_predictions(torch.zeros_like(test.ratings), test, scale)
        on_test = {**of_mean, "rmse": test_rmse, "mae": mae}
        table = [Row("global mean", {"rmse": valid_rmse}, on_test)]
        for name, rate in models.items():
            parts = [evaluate_predictions(rate(part), part, scale) for part in (data.valid, test)]
            table.append(Row(name, *parts))
        trivial, bias, ours = table
        return table, {
            "valid/rmse": ours.valid["rmse"],
            **{f"test/{name}": value for name, value in ours.test.items()},
            # In units of the standard deviation of all ratings, including test, as in the paper's
            # tables.
            "test/rmse_standardized": ours.test["rmse"] / splits.deviation(),
            "test/rmse_global_mean": trivial.test["rmse"],
            "test/rmse_biases": bias.test["rmse"],
            "test/unseen_ratings": float(len(test.unseen)),
        }


def draw_function(
    network: InteractionSpace, operation: str, names: Sequence[str], path: Path
) -> None:
    """Plot each entity's element-wise transform over the range of its embeddings.

    Args:
        network: The network of the found function.
        operation: Name of the function.
        names: Names of the entity columns.
        path: The PNG to write.
    """
    assert network.transform is not None
    figure = plots.new_figure(6, 4)
    axes = figure.subplots()
    dim = network.options.embedding_dim
    tables = torch.split(
        network.embeddings.table.detach()[:, :dim].cpu(), list(network.embeddings.sizes)
    )
    spread = 3 * max(float(table.std()) for table in tables)
    x = torch.linspace(-spread, spread, 200)
    with torch.no_grad():
        y = network.transform(x.repeat(len(tables), 1).to(network.embeddings.table.device)).cpu()
    for position, (name, values) in enumerate(zip(names, y, strict=True)):
        axes.plot(x, values, label=name, **plots.style(position))
    axes.plot(x, x, color="0.7", linewidth=0.8, label="identity")
    axes.set_xlabel("element of an embedding")
    axes.set_ylabel("transformed")
    parts = ", ".join(names)
    axes.set_title(operation if "(" in operation else f"{operation}({parts})")
    axes.legend(frameon=False)
    plots.save(figure, path)
