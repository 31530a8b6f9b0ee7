"""Reports of searches and trainings of CNN cells: files, plots and tables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from nasp.cnn.classify import ImageClassifier, blank
from nasp.cnn.draw import draw_cells, headings
from nasp.cnn.evaluation import ACCURACY, VALUES, evaluate
from nasp.cnn.fit import logits_of
from nasp.cnn.genotype import SPACE, label, plans, text_of
from nasp.cnn.model_file import load_network, save_network
from nasp.cnn.network import Network
from nasp.cnn.size import mult_adds, parameters
from nasp.cnn.spaces import NASBENCH201
from nasp.cnn.tasks import ImageTask
from nasp.core.genotype import Genotype
from nasp.experiment.report import Report, ServedModel
from nasp.metric import LOSS, SPLITS
from nasp.runs import plots
from nasp.search import SearchResult

# Papers report the size of a CIFAR-10 cell for networks of so many channels and cells.
PUBLISHED, CLASSES = {SPACE: (36, 20), NASBENCH201: (16, 17)}, 10
DRAWN = (LOSS.on("train"), LOSS.on("valid"), ACCURACY.on("valid"))


class SearchReport(Report):
    """The report of a search: its cells and its curves."""

    def __init__(self, task: ImageTask, found: SearchResult) -> None:
        self.task, self.found, self.genotype = task, found, found.genotype
        valid = {k: v for k, v in found.metrics.items() if k.startswith("valid/")}
        limits = {f"limit/{x.name}": x.total(found.genotype.choices) for x in task.limits}
        self.metrics = {**valid, "model/parameters": published_size(found.genotype), **limits}
        self.seconds, self.metric, self.searches = found.seconds, task.metrics[0], found.searches
        self.histories = found.searches or found.trainings
        self.epochs = max(map(len, self.histories.values()))

    def draw(self, folder: Path) -> list[Path]:
        files = [folder / f"cells.{suffix}" for suffix in ("png", "svg")]
        for file in files:
            draw_cells(self.genotype, file)
        files.append(folder / "search.png")
        plots.curves(self.histories, DRAWN, files[-1], "Search")
        if self.found.searches:
            history = next(iter(self.found.searches.values()))
            decisions, _ = self.task.decisions(torch.Generator())
            for cell in dict.fromkeys(d.name.partition("_")[0] for d in decisions):
                files.append(folder / f"weights_{cell}.png")
                own = [d for d in decisions if d.name.startswith(f"{cell}_")]
                plots.draw_weights(
                    own, history, self.genotype, files[-1], lambda n: f"${label(n)}$"
                )
        return files

    def show(self, console: Console, result: Mapping[str, Any]) -> None:
        table = Table(title="cells found", title_justify="left")
        cells = plans(self.genotype)
        for column in ("node", *headings(cells)):
            table.add_column(column)
        names, first = cells[0].labels, cells[0].inputs
        rows = zip(*(cell.nodes for cell in cells), strict=True)
        for name, nodes in zip(names[first:], rows, strict=True):
            texts = [" + ".join(f"{op}({names[source]})" for source, op in node) for node in nodes]
            table.add_row(name, *texts)
        console.print(table)
        console.print(text_of(self.genotype), soft_wrap=True)
        channels, layers = PUBLISHED[self.genotype.space]
        how = " on shared weights" if self.found.trained is None else ", trained alone"
        console.print(
            f"validation accuracy {self.metrics['valid/accuracy']:.4f}{how}; "
            f"{self.metrics['model/parameters'] / 1e6:.2f} M weights at {layers} cells, "
            f"{channels} channels"
        )
        for limit in self.task.limits:
            value = self.metrics[f"limit/{limit.name}"]
            console.print(f"{limit.name} {limit.most:,g}: the cells have {value:,.6g}")


class TrainReport(Report):
    """The report of a stand-alone training, with metrics on the test images."""

    def __init__(self, task: ImageTask, found: SearchResult, name: str) -> None:
        assert found.trained is not None
        self.task, self.name, self.genotype = task, name, found.genotype
        self.history = found.trained.history
        self.network = network = task.trained_network(found.trained)
        images, precision = task.images, task.training.numbers(task.device)
        precision.prepare(network)
        self.metrics = {
            **{k: v for k, v in found.metrics.items() if not k.startswith("time/")},
            **evaluate(logits_of(network, precision), images.test(), "test"),
            "model/parameters": parameters(network),
            "model/mult_adds": mult_adds(network, (3, images.size, images.size)),
        }
        self.seconds, self.metric = found.seconds, task.metrics[0]
        self.epochs = len(self.history)

    def save_model(self, path: Path) -> bool:
        images = self.task.images
        save_network(path, self.network, images.classes, images.normalise, images.size)
        return True

    def served(self, path: Path) -> ServedModel:
        classify = ImageClassifier(load_network(path))
        example = np.array(classify([blank(self.task.images.size)]))
        return ServedModel(Path(__file__).with_name("serving.py"), ["image"], example)

    def draw(self, folder: Path) -> list[Path]:
        plots.curves({"training": self.history}, DRAWN, folder / "training.png", "Training")
        return [folder / "training.png"]

    def show(self, console: Console, result: Mapping[str, Any]) -> None:
        splits = [s for s in ("valid", "test") if ACCURACY.on(s).name in self.metrics]
        table = Table(title=f"network of {self.name}", title_justify="left")
        for column in ("images", *(metric.label for metric in VALUES)):
            table.add_column(column, justify="left" if column == "images" else "right")
        for split in splits:
            values = (self.metrics[metric.on(split).name] for metric in VALUES)
            table.add_row(SPLITS[split], *(f"{value:.4f}" for value in values))
        console.print(table)
        console.print(
            f"{self.metrics['model/parameters'] / 1e6:.3f} M weights, "
            f"{self.metrics['model/mult_adds'] / 1e6:.1f} M multiply-adds an image"
        )


def published_size(genotype: Genotype) -> int:
    """Count the weights as papers do: 20 cells of 36 channels, without the auxiliary head.

    NAS-Bench-201's network has 17 cells and blocks, the first of 16 channels.
    """
    size = PUBLISHED[genotype.space]
    with torch.device("meta"):
        network = Network(genotype, *size, CLASSES, "cifar", False, torch.Generator())
    return parameters(network)
