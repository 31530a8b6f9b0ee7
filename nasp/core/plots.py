"""Pictures of a run: curves by epoch, and the weights of the operations."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasp.core.errors import NaspError
from nasp.core.files import write_atomic
from nasp.core.metrics import best

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by colour-blind readers; line styles tell twice as many.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", ":", "-.")
LABEL_GAP = 0.055  # between the names of lines, of the height of the axes


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure, in inches; matplotlib is imported only when something is drawn."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG or SVG, by the suffix, atomically; an SVG's text stays text.

    Raises:
        NaspError: The suffix is another.
        OSError: The picture cannot be written.
    """
    from matplotlib import rc_context

    kind = path.suffix.lower().removeprefix(".")
    if kind not in ("png", "svg"):
        raise NaspError(f"{path}: pictures are .png or .svg")
    # Neither the date nor random names: the same picture is the same file.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "nasp"}):
        write_atomic(
            path,
            lambda file: figure.savefig(file, format=kind, dpi=150, metadata={"Date": None}),
        )


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
            marker = "o" if len(values) == 1 else None  # a line of one point would not be seen
            axes.plot(epochs, values, label=name, marker=marker, **style(position))
            if metric.startswith("valid/"):
                top = best(metric, values)
                axes.plot(top + 1, values[top], "o", color=style(position)["color"])
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

    Raises:
        OSError: The picture cannot be written.
    """
    figure = new_figure(7, 4.5)
    axes = figure.subplots()
    axes.set_title(title, fontsize="medium")
    last = len(values[0])
    marker = "o" if last == 1 else None  # a line of one point would not be seen
    for position, row in enumerate(values):
        axes.plot(range(1, last + 1), row, marker=marker, clip_on=False, **style(position))
    low, high = axes.get_ylim()
    heights = _apart([row[-1] for row in values], LABEL_GAP * (high - low), low, high)
    for position, (name, height) in enumerate(zip(names, heights, strict=True)):
        axes.annotate(
            name,
            (last, values[position][-1]),
            (1.04, (height - low) / (high - low)),
            textcoords="axes fraction",
            color=style(position)["color"],
            va="center",
            arrowprops={
                "arrowstyle": "-",
                "linewidth": 0.7,
                "relpos": (0, 0.5),
                "shrinkA": 0,
                "shrinkB": 2,
                **style(position),
            },
            annotation_clip=False,
        )
    axes.set_ylim(low, high)
    axes.set_xlim(1 if last > 1 else 0.5, last)
    axes.set_xlabel("epoch")
    axes.set_ylabel("weight A")
    axes.grid(color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
    save(figure, path)


def _apart(heights: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Heights moved so that labels are `gap` apart, in their order, and within the axes.

    They are pushed up from the lowest; those that then stand above `high` are pushed down again.
    """
    order = sorted(range(len(heights)), key=heights.__getitem__)
    gap = min(gap, (high - low) / max(len(heights) - 1, 1))
    moved = list(heights)
    floor = low
    for position in order:
        moved[position] = floor = max(moved[position], floor)
        floor += gap
    ceiling = high
    for position in reversed(order):
        moved[position] = ceiling = min(moved[position], ceiling)
        ceiling -= gap
    return moved
