"""What runs of CNN cells leave behind for people: files, pictures and a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from nasp.cnn.draw import draw_cells
from nasp.cnn.genotype import INPUT_LABELS, darts_text, label, plans
from nasp.cnn.network import Network
from nasp.cnn.size import parameters
from nasp.core.decision import Decision
from nasp.core.genotype import Genotype
from nasp.experiment.run_record import show_failed, show_place
from nasp.metric import Metrics
from nasp.runs import plots
from nasp.runs.plots import draw_weights
from nasp.search.trials import Found

# The network that papers report the size of a CIFAR-10 cell for.
LAYERS, CHANNELS, CLASSES = 20, 36, 10
LABELS = {
    "train/loss": "training loss",
    "valid/loss": "validation loss",
    "valid/accuracy": "validation accuracy",
}


def write(folder: Path, found: Found, decisions: Sequence[Decision], one_shot: bool) -> list[Path]:
    """Write genotype and pictures of a search into a run's folder.

    Returns:
        All files for a tracker.
    """
    files = [folder / "config.yaml", folder / "result.json", folder / "genotype.json"]
    found.genotype.save(files[2])
    for suffix in ("png", "svg"):
        files.append(folder / f"cells.{suffix}")
        draw_cells(found.genotype, files[-1])
    files.append(folder / "search.png")
    plots.curves(found.histories, LABELS, files[-1], "Search")
    if one_shot:
        history = found.histories["search"]
        for cell in ("normal", "reduce"):
            files.append(folder / f"weights_{cell}.png")
            own = [d for d in decisions if d.name.startswith(cell)]
            draw_weights(own, history, found.genotype, files[-1], lambda n: f"${label(n)}$")
    return files


def write_training(folder: Path, genotype: Genotype, history: Sequence[Metrics]) -> list[Path]:
    """Write genotype and curves of a training into a run's folder.

    Returns:
        All files for a tracker; the model is apart.
    """
    files = [folder / "config.yaml", folder / "result.json", folder / "genotype.json"]
    genotype.save(files[2])
    files.append(folder / "training.png")
    labels = {name: label for name, label in LABELS.items() if name in history[0]}
    plots.curves({"training": history}, labels, files[-1], "Training")
    return files


def published_size(genotype: Genotype) -> int:
    """Weights of the cell's network as papers count them: 20 cells, 36 channels, no head."""
    with torch.device("meta"):
        network = Network(genotype, CHANNELS, LAYERS, CLASSES, "cifar", False, torch.Generator())
    return parameters(network)


def show(found: Found, result: dict[str, Any], folder: Path) -> None:
    """Print the cells, what they are worth and where the files are."""
    console = Console(markup=False)  # a path may hold brackets
    table = Table(title="cells found", title_justify="left")
    for column in ("node", "normal", "reduction"):
        table.add_column(column)
    normal, reduction = plans(found.genotype)
    names = list(INPUT_LABELS)
    for node, cells in enumerate(zip(normal.nodes, reduction.nodes, strict=True)):
        texts = [" + ".join(f"{name}({names[source]})" for source, name in c) for c in cells]
        table.add_row(str(node), *texts)
        names.append(str(node))
    console.print(table)
    console.print(darts_text(found.genotype), soft_wrap=True)
    metrics, seconds = result["metrics"], result["seconds"]
    how = " on shared weights" if "search" in found.histories else ", trained alone"
    console.print(
        f"validation accuracy {metrics['valid/accuracy']:.4f}{how}; "
        f"{metrics['model/parameters'] / 1e6:.2f} M weights at {LAYERS} cells, {CHANNELS} channels"
    )
    show_failed(console, result["failed"])
    show_place(console, seconds, result["peak_memory_mb"], folder)


def show_training(name: str, result: dict[str, Any], folder: Path) -> None:
    """Print what a trained network is worth, and where the files are."""
    console, metrics = Console(markup=False), result["metrics"]
    splits = [split for split in ("valid", "test") if f"{split}/accuracy" in metrics]
    table = Table(title=f"network of {name}", title_justify="left")
    for column in ("images", "accuracy", "top-5 accuracy", "loss"):
        table.add_column(column, justify="left" if column == "images" else "right")
    for split in splits:
        values = (metrics[f"{split}/{name}"] for name in ("accuracy", "top5_accuracy", "loss"))
        label = {"valid": "validation", "test": "test"}[split]
        table.add_row(label, *(f"{value:.4f}" for value in values))
    console.print(table)
    console.print(
        f"{metrics['model/parameters'] / 1e6:.3f} M weights, "
        f"{metrics['model/mult_adds'] / 1e6:.1f} M multiply-adds an image"
    )
    show_place(console, result["seconds"], result["peak_memory_mb"], folder)
