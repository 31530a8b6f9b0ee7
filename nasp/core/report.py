"""What the runs of all cells leave behind for people."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from nasp.core import plots
from nasp.core.decision import Decision
from nasp.core.genotype import Genotype
from nasp.core.metrics import Metrics
from nasp.core.search import weight_name


def draw_weights(
    decisions: Sequence[Decision],
    history: Sequence[Metrics],
    genotype: Genotype,
    path: Path,
    label: Callable[[str], str] = str,
) -> None:
    """Draw the weights `A` of a cell by epoch: a row for each node, a panel for each edge.

    Panels of edges that the genotype keeps have a thick frame.

    Args:
        decisions: The nodes.
        history: Metrics of each epoch, with the weights under `nasp.core.search.weight_name`.
        genotype: Tells the edges that are kept.
        path: The PNG or SVG to write.
        label: From the name of a source or of a decision to what pictures call it.

    Raises:
        OSError: The picture cannot be written.
    """
    rows, columns = len(decisions), max(len(d.sources) for d in decisions)
    figure = plots.new_figure(2.3 * columns + 1.7, 1.9 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for row, decision in zip(grid, decisions, strict=True):
        kept = dict(genotype.choices[decision.name])
        for axes in row[len(decision.sources) :]:
            axes.set_axis_off()
        for axes, source in zip(row, decision.sources, strict=False):
            for position, name in enumerate(decision.operations):
                key = weight_name(decision, source, name)
                values = [epoch[key] for epoch in history]
                marker = "o" if len(values) == 1 else None
                axes.plot(
                    range(1, len(values) + 1),
                    values,
                    label=name,
                    marker=marker,
                    **plots.style(position),
                )
            title = f"{label(source)} to {label(decision.name)}"
            axes.grid(color="0.9")
            if source in kept:
                title += f": {kept[source]}"
                for spine in axes.spines.values():
                    spine.set_linewidth(2)
            axes.set_title(title, fontsize="small")
    for axes in grid[-1]:
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
    for row in grid:
        row[0].set_ylabel("weight A")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False, fontsize="small")
    plots.save(figure, path)


def show_failed(console: Console, failed: Mapping[str, str]) -> None:
    """Say which trainings of several diverged and were left out, and why."""
    for name, reason in failed.items():
        console.print(f"left out: {name}: {reason}", soft_wrap=True)


def show_place(console: Console, seconds: dict[str, float], memory: float, folder: Path) -> None:
    """Print the time, the memory and the files of a run."""
    parts = ", ".join(f"{k} {v:.0f}" for k, v in seconds.items() if k != "total")
    console.print(
        f"{seconds['total']:.0f} s ({parts}), {memory:.0f} MB; in {folder}: "
        + ", ".join(sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))),
        soft_wrap=True,
    )


def markdown(metrics: Metrics) -> str:
    """Metrics as a table for a run's page."""
    rows = [f"| {name} | {value:.4f} |" for name, value in metrics.items()]
    return "\n".join(["| metric | value |", "|---|---|", *rows])
