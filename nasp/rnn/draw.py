"""Drawings of recurrent cells.

Each node has one predecessor, so a cell is a tree. It is drawn from left to right, with each leaf
in its own row and each node in the row of its first child. So no arrow crosses another or a label.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from nasp.core.genotype import Genotype
from nasp.rnn.genotype import CellPlan, plan_of
from nasp.rnn.operations import OPERATIONS
from nasp.runs.plots import blank_figure, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Lengths are in inches; the origin is the upper left corner of the drawing.
MARGIN = 0.3
HEADING = 0.4  # height of the title
ROW = 0.55
COLUMN = 1.75
DIAMETER = 0.36  # diameter of a node
START = 0.9  # width of the inputs with their arrows
LETTER = 0.09  # largest width of a letter of the caption
TITLE_LETTER = 0.12
FONT = 10  # points


def draw_cell(genotype: Genotype, path: Path, title: str = "") -> None:
    """Draw a cell into a file, atomically.

    Args:
        genotype: A genotype of a recurrent cell.
        path: The PNG or SVG to write, by its suffix.
        title: Title of the drawing.

    Raises:
        NaspError: It is not a genotype of a recurrent cell, or the path has another suffix.
        OSError: The file cannot be written.
    """
    save(cell_figure(genotype, title), path)


def cell_figure(genotype: Genotype, title: str = "") -> "Figure":
    """Return the figure of `draw_cell`; raises like it."""
    plan = plan_of(genotype)
    places = place_nodes(plan)
    caption = _caption(plan)
    rows = max(2, 1 + max(row for _, row in places))
    columns = max(column for column, _ in places)
    top = MARGIN + (HEADING if title else 0.0)
    width = 2 * MARGIN + max(
        START + columns * COLUMN + DIAMETER, LETTER * len(caption), TITLE_LETTER * len(title)
    )
    height = top + (rows + 0.5) * ROW + HEADING
    figure, axes = blank_figure(width, height)
    if title:
        axes.text(MARGIN, MARGIN, title, va="top", fontsize=FONT + 3, parse_math=False)
    points = [
        (MARGIN + START + column * COLUMN + DIAMETER / 2, top + (row + 0.5) * ROW)
        for column, row in places
    ]
    for shift, name in ((-1, "$x_t$"), (1, "$h_{t-1}$")):
        y = points[0][1] + shift * ROW * 0.35 + ROW * 0.35
        axes.text(MARGIN, y, name, va="center", fontsize=FONT + 1)
        _arrow(axes, (MARGIN + 0.42, y), points[0], "0.3")
    for node, (source, operation) in enumerate(plan.nodes, 1):
        colour = style(list(OPERATIONS).index(operation))["color"]
        (x0, y0), (x, y) = points[source], points[node]
        if y != y0:  # down next to the source, then along the row
            axes.plot([x0, x0], [y0, y], color="0.6", linewidth=1.2, zorder=0)
        _arrow(axes, (x0, y), (x, y), colour, from_node=y == y0)
        # In the middle between the edges of both circles, to leave room for the arrow's head.
        axes.text(
            (x0 + x) / 2 - 0.04,
            y,
            operation,
            ha="center",
            va="center",
            fontsize=FONT,
            bbox={"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": colour},
        )
    for state, point in enumerate(points):
        _circle(axes, point, str(state), state in plan.output)
    axes.text(MARGIN, height - MARGIN, caption, va="bottom", fontsize=FONT)
    return figure


def place_nodes(plan: CellPlan) -> list[tuple[int, int]]:
    """Return (column, row) of each state: a depth-first walk starts a row after each leaf."""
    children: dict[int, list[int]] = {}
    for node, (source, _) in enumerate(plan.nodes, 1):
        children.setdefault(source, []).append(node)
    places = [(0, 0)] * (len(plan.nodes) + 1)
    rows = 0
    waiting = [(0, 0)]
    while waiting:
        state, column = waiting.pop()
        places[state] = (column, rows)
        below = children.get(state, [])
        waiting += [(child, column + 1) for child in reversed(below)]
        rows += not below
    return places


def _caption(plan: CellPlan) -> str:
    count = len(plan.nodes)
    if plan.output == tuple(range(1, count + 1)):
        return f"output $h_t$: mean of the nodes 1 to {count}"
    return f"output $h_t$: mean of the nodes {', '.join(map(str, plan.output))} (thick)"


def _circle(axes: "Axes", point: tuple[float, float], text: str, output: bool) -> None:
    from matplotlib.patches import Ellipse

    line = 2.2 if output else 1.0
    axes.add_patch(
        Ellipse(point, DIAMETER, DIAMETER, facecolor="white", edgecolor="black", linewidth=line)
    )
    axes.text(*point, text, ha="center", va="center", fontsize=FONT)


def _arrow(
    axes: "Axes",
    start: tuple[float, float],
    stop: tuple[float, float],
    colour: str,
    from_node: bool = False,
) -> None:
    from matplotlib.patches import FancyArrowPatch

    points_an_inch = 72
    axes.add_patch(
        FancyArrowPatch(
            start,
            stop,
            arrowstyle="-|>",
            mutation_scale=11,
            linewidth=1.4,
            color=colour,
            shrinkA=DIAMETER / 2 * points_an_inch if from_node else 0,
            capstyle="butt",
            shrinkB=(DIAMETER / 2 + 0.02) * points_an_inch,
            zorder=1,
        )
    )
