"""Pictures of a run: curves by epoch, and the weights of the operations."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasp.core.files import write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by colour-blind readers; line styles tell twice as many.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", ":", "-.")


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure, in inches; matplotlib is imported only when something is drawn."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG, atomically."""
    write_atomic(path, lambda file: figure.savefig(file, format="png", dpi=150))


def style(position: int) -> dict[str, Any]:
    """Colour and line style of the line at a position."""
    return {
        "color": COLOURS[position % len(COLOURS)],
        "linestyle": STYLES[position // len(COLOURS) % len(STYLES)],
    }


def curves(
    runs: Mapping[str, Sequence[Mapping[str, float]]],
    metrics: Mapping[str, str],
    path: Path,
    title: str,
) -> None:
    """Draw metrics by epoch, a panel each; the best epoch of a validation metric has a dot.

    Args:
        runs: Metrics of each epoch, by the name of the line.
        metrics: The metrics to draw, with the panel's label.
        path: The PNG to write.
        title: Of the whole picture.
    """
    figure = new_figure(5 * len(metrics), 4)
    figure.suptitle(title)
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for axes, (metric, label) in zip(panels, metrics.items(), strict=True):
        for position, (name, history) in enumerate(runs.items()):
            values = [epoch[metric] for epoch in history]
            epochs = range(1, len(values) + 1)
            axes.plot(epochs, values, label=name, **style(position))
            if metric.startswith("valid/"):
                best = min(range(len(values)), key=values.__getitem__)
                axes.plot(best + 1, values[best], "o", color=style(position)["color"])
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.grid(color="0.9")
        axes.xaxis.get_major_locator().set_params(integer=True)
    panels[-1].legend(frameon=False, fontsize="small")
    save(figure, path)


def weights(
    names: Sequence[str], values: Sequence[Sequence[float]], path: Path, title: str
) -> None:
    """Draw the weight of each operation by epoch, named at the right end of its line.

    Args:
        names: The operations.
        values: Weights of each operation, by epoch.
        path: The PNG to write.
        title: Of the picture.
    """
    figure = new_figure(7, 4.5)
    axes = figure.subplots()
    axes.set_title(title, fontsize="medium")
    last = len(values[0])
    for position, row in enumerate(values):
        axes.plot(range(1, last + 1), row, **style(position))
    low, high = axes.get_ylim()
    for position, height in zip(
        range(len(names)), _apart([row[-1] for row in values], 0.05 * (high - low)), strict=True
    ):
        axes.annotate(
            names[position],
            (last, values[position][-1]),
            (last + 0.03 * last, height),
            color=style(position)["color"],
            va="center",
            annotation_clip=False,
        )
    axes.set_xlim(1, last * 1.2)
    axes.set_xlabel("epoch")
    axes.set_ylabel("weight A")
    axes.grid(color="0.9")
    axes.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
    save(figure, path)


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """Heights moved up as little as keeps labels `gap` apart, in their order."""
    moved = list(heights)
    order = sorted(range(len(moved)), key=moved.__getitem__)
    for below, above in pairwise(order):
        moved[above] = max(moved[above], moved[below] + gap)
    return moved
