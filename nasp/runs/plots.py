"""Plots of a run: metrics and weights of operations by epoch."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasp.atomic_io import write_atomic
from nasp.core.decision import Decision, weight_name
from nasp.core.genotype import Genotype
from nasp.errors import NaspError
from nasp.metric import Metric, Metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which colour-blind readers can distinguish; two line styles double them.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", ":", "-.")
LABEL_GAP = 0.055  # between the names of lines, as a share of the height of the axes


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure, with its size in inches; imports matplotlib on first use."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def blank_figure(width: float, height: float) -> "tuple[Figure, Axes]":
    """Return a figure to draw on, in inches from its top left corner."""
    figure = new_figure(width, height)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    return figure, axes


def save(figure: "Figure", path: Path) -> None:
    """Write a figure atomically, as PNG or as SVG with text, according to the suffix.

    Raises:
        NaspError: The path has another suffix.
        OSError: The file cannot be written.
    """
    from matplotlib import rc_context

    kind = path.suffix.lower().removeprefix(".")
    if kind not in ("png", "svg"):
        raise NaspError(f"{path}: pictures are .png or .svg")
    # Without date and random names, so that equal plots give equal files.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "nasp"}):
        write_atomic(
            path,
            lambda file: figure.savefig(file, format=kind, dpi=150, metadata={"Date": None}),
        )


def style(position: int) -> dict[str, Any]:
    """Return colour and line style of the line at a position."""
    return {
        "color": COLOURS[position % len(COLOURS)],
        "linestyle": STYLES[position // len(COLOURS) % len(STYLES)],
    }


def curves(
    runs: Mapping[str, Sequence[Mapping[str, float]]],
    metrics: Sequence[Metric],
    path: Path,
    title: str,
) -> None:
    """Plot metrics by epoch, one panel each; a dot marks the best epoch of a validation metric.

    Args:
        runs: Metrics of each epoch, by the names of the lines.
        metrics: The metrics to plot, on their splits. A metric that no run has is left out.
        path: The PNG to write.
        title: Title of the figure.
    """
    shown = [m for m in metrics if all(m.name in history[0] for history in runs.values())]
    figure = new_figure(5 * len(shown), 4)
    figure.suptitle(title)
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    for axes, metric in zip(panels, shown, strict=True):
        for position, (name, history) in enumerate(runs.items()):
            values = [epoch[metric.name] for epoch in history]
            epochs = range(1, len(values) + 1)
            marker = "o" if len(values) == 1 else None  # a line of one point would not be seen
            axes.plot(epochs, values, label=name, marker=marker, **style(position))
            if metric.name.startswith("valid/"):
                top = metric.best_position(values)
                axes.plot(top + 1, values[top], "o", color=style(position)["color"])
        axes.set_xlabel("epoch")
        axes.set_ylabel(metric.label)
        axes.grid(color="0.9")
        axes.xaxis.get_major_locator().set_params(integer=True)
    panels[-1].legend(frameon=False, fontsize="small")
    save(figure, path)


def search_records(
    searches: Mapping[str, Sequence[Mapping[str, float]]], metric: Metric, path: Path
) -> None:
    """Plot the records of searches on shared weights: change of `A`, choices, time, gap.

    The gap is the discretisation gap: validation of the relaxed and of the discrete network.

    Args:
        searches: Metrics of each epoch, see `nasp.search.one_shot`, by the searches' names.
        metric: The validation metric to plot, of the discrete and of the relaxed network.
        path: The PNG to write.

    Raises:
        OSError: The file cannot be written.
    """
    panels: dict[str, dict[str, str]] = {  # by label: the lines' names and their metrics
        "change of the weights A (norm)": {"": "arch/change"},
        "choices that changed": {"": "arch/flips"},
        "seconds of the steps": {
            " weights": "time/weights_s",
            " architecture": "time/architecture_s",
        },
    }
    relaxed = metric.on("relaxed").name
    if all(relaxed in history[0] for history in searches.values()):
        discrete = metric.on("valid")
        panels[discrete.label] = {" discrete": discrete.name, " relaxed": relaxed}
    figure = new_figure(4.5 * len(panels), 4)
    figure.suptitle("Records of the search")
    for axes, (label, lines) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        for position, (search, history) in enumerate(searches.items()):
            for (suffix, name), line in zip(lines.items(), STYLES, strict=False):
                values = [epoch[name] for epoch in history]
                axes.plot(
                    range(1, len(values) + 1),
                    values,
                    label=search + suffix,
                    color=COLOURS[position % len(COLOURS)],
                    linestyle=line,
                    marker="o" if len(values) == 1 else None,  # one point would not be seen
                )
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.grid(color="0.9")
        axes.xaxis.get_major_locator().set_params(integer=True)
        if len(searches) > 1 or len(lines) > 1:
            axes.legend(frameon=False, fontsize="small")
    save(figure, path)


def weights(
    names: Sequence[str], values: Sequence[Sequence[float]], path: Path, title: str
) -> None:
    """Plot the weight of each operation by epoch, with its name at the right end of its line.

    Args:
        names: The operations.
        values: Weights of each operation, for each epoch.
        path: The PNG to write.
        title: Title of the figure.

    Raises:
        OSError: The file cannot be written.
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
    """Move heights of labels until they are `gap` apart, in the same order and within the axes.

    Labels are first pushed up, starting at the lowest, and then pushed down below `high`.
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


def draw_weights(
    decisions: Sequence[Decision],
    history: Sequence[Metrics],
    genotype: Genotype,
    path: Path,
    label: Callable[[str], str] = str,
) -> None:
    """Plot the weights `A` of a cell by epoch: a row for each node, a panel for each edge.

    Panels of edges that the genotype keeps have a thick frame.

    Args:
        decisions: The nodes.
        history: Metrics of each epoch, with weights named by `nasp.core.decision.weight_name`.
        genotype: The genotype whose edges are marked as kept.
        path: The PNG or SVG to write.
        label: Maps the name of a source or decision to its label in the plot.

    Raises:
        OSError: The file cannot be written.
    """
    rows, columns = len(decisions), max(len(d.sources) for d in decisions)
    figure = new_figure(2.3 * columns + 1.7, 1.9 * rows)
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
                    **style(position),
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
    save(figure, path)
