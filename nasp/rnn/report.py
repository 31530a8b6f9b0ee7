"""What runs of recurrent cells leave behind for people: files, pictures and a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from nasp.core.genotype import Genotype
from nasp.experiment.run_record import show_failed, show_place
from nasp.metric import Metrics
from nasp.rnn.draw import draw_cell
from nasp.rnn.genotype import darts_text, decisions_of, plan_of
from nasp.runs import plots
from nasp.runs.plots import draw_weights
from nasp.search.trials import Found
from nasp.strategies import ONE_SHOT

LABELS = {
    "train/loss": "training loss",
    "valid/loss": "validation loss",
    "valid/perplexity": "validation perplexity",
}


def write(folder: Path, found: Found, strategy: str) -> list[Path]:
    """Write genotype and pictures of a search into a run's folder.

    Args:
        folder: The run's.
        found: What the search found.
        strategy: The one that found it.

    Returns:
        All files for a tracker.
    """
    files = [folder / "config.yaml", folder / "result.json", folder / "genotype.json"]
    found.genotype.save(files[2])
    for suffix in ("png", "svg"):
        files.append(folder / f"cell.{suffix}")
        draw_cell(found.genotype, files[-1])
    files.append(folder / "search.png")
    plots.curves(found.histories, LABELS, files[-1], "Search")
    if strategy in ONE_SHOT:
        files.append(folder / "weights.png")
        decisions = decisions_of(none=ONE_SHOT[strategy].dense)
        draw_weights(
            decisions,
            found.histories["search"],
            found.genotype,
            files[-1],
            lambda name: name.removeprefix("node_"),
        )
    return files


def write_training(folder: Path, genotype: Genotype, history: Sequence[Metrics]) -> list[Path]:
    """Write genotype and pictures of a training into a run's folder.

    Returns:
        All files for a tracker.
    """
    files = [folder / "config.yaml", folder / "result.json", folder / "genotype.json"]
    genotype.save(files[2])
    for suffix in ("png", "svg"):
        files.append(folder / f"cell.{suffix}")
        draw_cell(genotype, files[-1])
    files.append(folder / "training.png")
    plots.curves({"training": history}, LABELS, files[-1], "Training")
    return files


def show(found: Found, result: dict[str, Any], folder: Path) -> None:
    """Print the cell, what it is worth and where the files are."""
    console = Console(markup=False)  # a path may hold brackets
    table = Table(title="cell found", title_justify="left")
    for column in ("node", "activation", "of node"):
        table.add_column(column)
    for node, (source, operation) in enumerate(plan_of(found.genotype).nodes, 1):
        table.add_row(str(node), operation, str(source))
    console.print(table)
    console.print(darts_text(found.genotype), soft_wrap=True)
    how = "on shared weights" if "search" in found.histories else "trained alone"
    console.print(f"validation perplexity {result['metrics']['valid/perplexity']:.2f}, {how}")
    show_failed(console, result["failed"])
    show_place(console, result["seconds"], result["peak_memory_mb"], folder)


def show_training(name: str, result: dict[str, Any], folder: Path) -> None:
    """Print what a trained model is worth, and where the files are."""
    console, metrics = Console(markup=False), result["metrics"]
    table = Table(title=f"language model of {name}", title_justify="left")
    for column in ("text", "perplexity", "loss"):
        table.add_column(column, justify="left" if column == "text" else "right")
    for split, label in (("valid", "validation"), ("test", "test, exact")):
        perplexity, loss = metrics[f"{split}/perplexity"], metrics[f"{split}/loss"]
        table.add_row(label, f"{perplexity:.2f}", f"{loss:.4f}")
    console.print(table)
    console.print(f"{metrics['model/parameters'] / 1e6:.3f} M weights")
    show_place(console, result["seconds"], result["peak_memory_mb"], folder)
