"""Drawings of CNN cells.

Every operation is a box in its own horizontal lane, left of its node. An arrow bends only in the
free channel right of its source's column. It then follows its lane, which holds only its own box
and node. So no arrow crosses a label in any cell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from nasp.cnn.genotype import CellPlan, plans
from nasp.core.genotype import Genotype
from nasp.runs.plots import blank_figure, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Point = tuple[float, float]

# Lengths are in inches; the origin is the upper left corner of the drawing.
MARGIN = 0.25
HEADING = 0.33  # height of a line above a cell, and of the title
LANE = 0.33  # distance between two operations of a node
BAND_GAP = 0.2  # between the lanes of two nodes
BOX_HEIGHT = 0.25
LETTER = 0.082  # width of a letter of an operation's name
TITLE_LETTER = 0.13  # width of a letter of the title
CHANNEL = 0.85  # width of the channel in which arrows bend
HEAD = 0.1  # length of an arrow's head before the output
LINK = 0.4  # distance from an operation to its node
DIAMETER = 0.32  # diameter of a node
END = 0.54  # width of an input and of the output
LEAST_HEIGHT = 1.2  # smallest height of a cell, for its two inputs
FONT = 9  # points


@dataclass(frozen=True)
class _Cell:
    """The layout of a cell.

    Attributes:
        plan: The cell.
        top: Position of its upper edge.
        height: Height of all lanes.
        box: Width of an operation's box.
        exits: For each state, the point at its right edge where its arrows start.
        lanes: For each node, the (y, state, operation) of its operations, from the top.
        end: Position of the left edge of the output.
    """

    plan: CellPlan
    top: float
    height: float
    box: float
    exits: tuple[Point, ...]
    lanes: tuple[tuple[tuple[float, int, str], ...], ...]
    end: float


def draw_cells(genotype: Genotype, path: Path, title: str = "") -> None:
    """Draw the cell, or the normal and the reduction cell, into one file, atomically.

    Args:
        genotype: A genotype of CNN cells.
        path: The PNG or SVG to write, by its suffix.
        title: Title of the drawing.

    Raises:
        NaspError: It is not a genotype of CNN cells, or the path has another suffix.
        OSError: The file cannot be written.
    """
    save(cells_figure(genotype, title), path)


def cells_figure(genotype: Genotype, title: str = "") -> "Figure":
    """Return the figure of `draw_cells`; raises like it."""
    drawn = plans(genotype)
    names = (name for plan in drawn for _, name in chain.from_iterable(plan.nodes))
    box = LETTER * max(len(name) for name in names) + 0.15
    top = MARGIN + (HEADING if title else 0.0)
    cells = list[_Cell]()
    for plan in drawn:
        cells.append(_place(plan, box, top + HEADING))
        top = cells[-1].top + cells[-1].height + HEADING
    width = max(*(cell.end + END for cell in cells), TITLE_LETTER * len(title)) + MARGIN
    height = cells[-1].top + cells[-1].height + MARGIN
    figure, axes = blank_figure(width, height)
    if title:
        place = (width / 2, MARGIN)
        axes.text(*place, title, ha="center", va="top", fontsize=FONT + 3, parse_math=False)
    for name, cell in zip(headings(drawn), cells, strict=True):
        axes.text(MARGIN, cell.top - HEADING, name, va="top", fontsize=FONT + 1, weight="bold")
        _draw(cell, axes)
    return figure


def headings(cells: Sequence[CellPlan]) -> list[str]:
    """Return the name of each cell of a genotype."""
    return ["normal cell", "reduction cell"] if len(cells) > 1 else ["cell"]


def _place(plan: CellPlan, box: float, top: float) -> _Cell:
    """Assign each node a band of lanes, from the top, and a column according to its depth."""
    bands = [LANE * len(node) for node in plan.nodes]
    used = sum(bands) + BAND_GAP * (len(bands) - 1)
    height = max(used, LEAST_HEIGHT)
    first, column = MARGIN + END, CHANNEL + box + LINK + DIAMETER
    parts = plan.inputs + 1
    exits = [(first, top + part * height / parts) for part in range(1, parts)]
    depths, lanes = [0] * plan.inputs, []
    y = top + (height - used) / 2
    for node, band in zip(plan.nodes, bands, strict=True):
        # The nearest sources are on top: their arrows come from above and so cross no lane.
        ordered = sorted(node, key=lambda edge: (-depths[edge[0]], exits[edge[0]][1]))
        lanes.append(tuple((y + (i + 0.5) * LANE, *edge) for i, edge in enumerate(ordered)))
        depths.append(1 + max(depths[state] for state, _ in node))
        exits.append((first + depths[-1] * column, y + band / 2))
        y += band + BAND_GAP
    end = max(x for x, _ in exits) + CHANNEL + HEAD
    return _Cell(plan, top, height, box, tuple(exits), tuple(lanes), end)


def _draw(cell: _Cell, axes: "Axes") -> None:
    middle = cell.top + cell.height / 2
    for state in sorted(cell.plan.output):
        line = _bend(cell.exits[state], cell.end - HEAD - CHANNEL, (cell.end, middle))
        _arrow(axes, line, head=True, color="0.6")
    _label(axes, (cell.end, middle), END, "$c_k$", "black")
    inputs, labels = cell.plan.inputs, cell.plan.labels
    for state in range(inputs):
        x, y = cell.exits[state]
        _label(axes, (x - END, y), END, f"${labels[state]}$", _colour(state))
    for node, lanes in enumerate(cell.lanes):
        right, middle = cell.exits[inputs + node]
        left = right - DIAMETER
        for y, state, operation in lanes:
            start, colour = cell.exits[state], _colour(state)
            box = left - LINK - cell.box
            _arrow(axes, _bend(start, start[0], (box, y)), head=False, color=colour)
            _arrow(axes, [(left - LINK, y), (left, middle)], head=True, color=colour)
            _label(axes, (box, y), cell.box, operation, colour)
        _label(axes, (left, middle), DIAMETER, labels[inputs + node], _colour(inputs + node))


def _bend(start: Point, channel: float, stop: Point) -> list[Point]:
    """Return a line: straight to the channel that begins at x, an S-curve in it, then straight."""
    (x, y), (end, lane) = start, stop
    half = channel + CHANNEL / 2
    return [(x, y), (channel, y), (half, y), (half, lane), (channel + CHANNEL, lane), (end, lane)]


def _arrow(axes: "Axes", points: Sequence[Point], head: bool, color: str) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Curve

    bend = [Curve.MOVETO, Curve.LINETO, *[Curve.CURVE4] * 3, Curve.LINETO]
    curve = Curve(points, bend if len(points) == len(bend) else None)
    kind = "-|>" if head else "-"
    axes.add_patch(
        FancyArrowPatch(path=curve, arrowstyle=kind, mutation_scale=9, linewidth=1.2, color=color)
    )


def _label(axes: "Axes", left: Point, width: float, text: str, colour: str) -> None:
    """Draw a text in a rounded box, given the middle of its left edge; a node's box is a circle."""
    from matplotlib.patches import Ellipse, FancyBboxPatch, Patch

    x, y = left
    middle = (x + width / 2, y)
    box: Patch
    if width == DIAMETER:
        box = Ellipse(middle, width, width)
    else:
        corner, rounded = (x, y - BOX_HEIGHT / 2), f"round,pad=0,rounding_size={BOX_HEIGHT / 2}"
        box = FancyBboxPatch(corner, width, BOX_HEIGHT, boxstyle=rounded)
    box.set(facecolor="white", edgecolor=colour, linewidth=1.2, zorder=2)
    axes.add_patch(box)
    axes.text(*middle, text, ha="center", va="center", fontsize=FONT, zorder=3)


def _colour(state: int) -> str:
    colour: str = style(state)["color"]
    return colour
