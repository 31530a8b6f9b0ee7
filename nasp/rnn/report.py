"""Reports of searches and trainings of recurrent cells: files, plots and tables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from nasp.experiment.report import Report
from nasp.metric import LOSS
from nasp.registry import class_and_options
from nasp.rnn.draw import draw_cell
from nasp.rnn.evaluation import PERPLEXITY, evaluate_exactly
from nasp.rnn.genotype import darts_text, decisions_of, plan_of
from nasp.rnn.model_file import save_model
from nasp.rnn.tasks import TextTask
from nasp.runs import plots
from nasp.search import SearchResult

DRAWN = (LOSS.on("train"), LOSS.on("valid"), PERPLEXITY.on("valid"))


class SearchReport(Report):
    """The report of a search: its cell and its curves."""

    def __init__(self, task: TextTask, found: SearchResult) -> None:
        self.task, self.found, self.genotype = task, found, found.genotype
        self.metrics = {k: v for k, v in found.metrics.items() if k.startswith("valid/")}
        self.seconds, self.metric, self.searches = found.seconds, task.metrics[0], found.searches
        self.histories = found.searches or found.trainings
        self.epochs = max(map(len, self.histories.values()))

    def draw(self, folder: Path) -> list[Path]:
        files = [folder / f"cell.{suffix}" for suffix in ("png", "svg")]
        for file in files:
            draw_cell(self.genotype, file)
        files.append(folder / "search.png")
        plots.curves(self.histories, DRAWN, files[-1], "Search")
        if self.found.searches:
            files.append(folder / "weights.png")
            strategy, _ = class_and_options(self.task.options, "strategy")
            plots.draw_weights(
                decisions_of(none=strategy.dense),
                next(iter(self.found.searches.values())),
                self.genotype,
                files[-1],
                lambda name: name.removeprefix("node_"),
            )
        return files

    def show(self, console: Console, result: Mapping[str, Any]) -> None:
        table = Table(title="cell found", title_justify="left")
        for column in ("node", "activation", "of node"):
            table.add_column(column)
        for node, (source, operation) in enumerate(plan_of(self.genotype).nodes, 1):
            table.add_row(str(node), operation, str(source))
        console.print(table)
        console.print(darts_text(self.genotype), soft_wrap=True)
        how = "on shared weights" if self.found.trained is None else "trained alone"
        console.print(f"validation perplexity {self.metrics['valid/perplexity']:.2f}, {how}")


class TrainReport(Report):
    """The report of a stand-alone training, with metrics on the test text."""

    def __init__(self, task: TextTask, found: SearchResult, name: str) -> None:
        assert found.trained is not None
        self.task, self.name, self.genotype = task, name, found.genotype
        self.history, self.network = found.trained.history, task.trained_network(found.trained)
        self.metrics = {
            **{k: v for k, v in found.metrics.items() if not k.startswith("time/")},
            **evaluate_exactly(self.network, task.corpus.test.to(task.device), "test"),
            "model/parameters": sum(p.numel() for p in self.network.parameters()),
        }
        self.seconds, self.metric = found.seconds, task.metrics[0]
        self.epochs = len(self.history)

    def save_model(self, path: Path) -> bool:
        save_model(path, self.network, self.task.corpus.vocabulary)
        return True

    def draw(self, folder: Path) -> list[Path]:
        files = [folder / name for name in ("cell.png", "cell.svg", "training.png")]
        for file in files[:2]:
            draw_cell(self.genotype, file)
        plots.curves({"training": self.history}, DRAWN, files[2], "Training")
        return files

    def show(self, console: Console, result: Mapping[str, Any]) -> None:
        table = Table(title=f"language model of {self.name}", title_justify="left")
        for column in ("text", "perplexity", "loss"):
            table.add_column(column, justify="left" if column == "text" else "right")
        for split, label in (("valid", "validation"), ("test", "test, exact")):
            perplexity, loss = (self.metrics[m.on(split).name] for m in (PERPLEXITY, LOSS))
            table.add_row(label, f"{perplexity:.2f}", f"{loss:.4f}")
        console.print(table)
        console.print(f"{self.metrics['model/parameters'] / 1e6:.3f} M weights")
