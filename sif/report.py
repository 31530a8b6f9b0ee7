"""What a run leaves behind for people: files, pictures and a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from nasp.experiment.run_record import show_failed
from nasp.runs import plots
from sif.nn.space import DECISION, InteractionSpace
from sif.pipeline import Found

SHOWN = 5  # functions in the picture and the table
DRAWN = 8  # weights in a picture
NEGLIGIBLE = 0.002  # share of an RMSE up to which a gain is called none


@dataclass
class Judged:
    """One row of the final table; errors in rating units."""

    name: str
    valid_rmse: float
    test_rmse: float
    test_mae: float


def write(folder: Path, found: Found) -> list[Path]:
    """Write genotype and pictures into a run's folder, which has its result and model.

    Returns:
        The files for a tracker; the model is apart.

    Raises:
        OSError: A file cannot be written; those written before are whole.
    """
    written = ("config.yaml", "result.json", "genotype.json", "training.png")
    files = [folder / name for name in written]
    found.model.genotype.save(files[2])
    plots.curves(
        {c.name: c.history for c in found.candidates[:SHOWN]},
        {"train/loss": "training loss", "valid/rmse": "validation RMSE (rating units)"},
        files[3],
        "Best of the functions trained alone",
    )
    files.append(folder / "function.png")
    columns = found.model.encoder.columns
    draw_function(found.model.network, found.candidates[0].operation, columns, files[-1])
    if found.searches:
        files.append(folder / "search.png")
        prefix = f"arch/{DECISION}/"
        history = found.searches[0]
        names = [key.removeprefix(prefix) for key in history[0] if key.startswith(prefix)]
        largest = sorted(names, key=lambda name: -history[-1][prefix + name])[:DRAWN]
        drawn = [name for name in names if name in largest]
        which = "each function" if len(names) <= DRAWN else f"the {DRAWN} largest of {len(names)}"
        plots.weights(
            drawn,
            [[epoch[prefix + name] for epoch in history] for name in drawn],
            files[-1],
            f"Weight of {which} in the search that found the best",
        )
    return files


def draw_function(
    network: InteractionSpace, operation: str, names: Sequence[str], path: Path
) -> None:
    """Draw each entity's element-wise transform over the range of its embeddings.

    Args:
        network: The found function.
        operation: Its name.
        names: Those of the entities' columns.
        path: The PNG to write.
    """
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


def markdown(table: list[Judged], found: Found) -> str:
    """The final table for the run's page."""
    lines = ["| model | validation RMSE | test RMSE | test MAE |", "|---|---|---|---|"]
    for row in table:
        name = f"found: {found.candidates[0].operation}" if row.name == "found" else row.name
        errors = (row.valid_rmse, row.test_rmse, row.test_mae)
        lines.append("| " + " | ".join([name, *(f"{error:.4f}" for error in errors)]) + " |")
    return "\n".join(lines)


def show(table: list[Judged], found: Found, result: dict[str, Any], folder: Path) -> None:
    """Print the table, what it means and where the files are."""
    console = Console(markup=False)  # a path may hold brackets
    metrics = result["metrics"]
    candidates = Table(title="best of the functions trained alone", title_justify="left")
    for column in ("function", "epochs", "validation RMSE"):
        candidates.add_column(column, justify="left" if column == "function" else "right")
    for candidate in found.candidates[:SHOWN]:
        epochs = str(len(candidate.history))
        candidates.add_row(candidate.name, epochs, f"{candidate.valid_rmse:.4f}")
    console.print(candidates)
    final = Table(title="errors in rating units", title_justify="left")
    for column in ("model", "validation RMSE", "test RMSE", "test MAE"):
        final.add_column(column, justify="left" if column == "model" else "right")
    for row in table:
        name = f"found: {found.candidates[0].operation}" if row.name == "found" else row.name
        errors = (row.valid_rmse, row.test_rmse, row.test_mae)
        final.add_row(name, *(f"{error:.4f}" for error in errors))
    console.print(final)
    trivial = min(table[:-1], key=lambda row: row.test_rmse)
    share = 1 - table[-1].test_rmse / trivial.test_rmse
    if share > NEGLIGIBLE:
        console.print(
            f"test RMSE of the found function is {share:.1%} below that of {trivial.name}"
        )
    else:
        console.print(
            f"the found function is no better than {trivial.name}: the ratings may hold no "
            "interaction; a smaller --learning_rate or a larger --weight_decay may help"
        )
    if unseen := int(metrics["test/unseen_ratings"]):
        console.print(
            f"{unseen} test ratings have an id unseen in training: predicted by the global mean "
            "and the biases of the ids that are known"
        )
    show_failed(console, result["failed"])
    seconds = result["seconds"]
    console.print(
        f"{seconds['total']:.0f} s "
        f"(search {seconds['search']:.0f}, training {seconds['train']:.0f}), "
        f"{result['peak_memory_mb']:.0f} MB; in {folder}: "
        + ", ".join(sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))),
        soft_wrap=True,
    )
