"""Drawings of cells show the genotype, and every label is readable."""

import math
from collections import Counter
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path as Curve
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from nasp.cnn.draw import cells_figure, draw_cells
from nasp.cnn.genotype import plans
from nasp.cnn.zoo import ZOO
from nasp.core.genotype import Genotype
from nasp.errors import NaspError
from tests.nasp.cnn.test_genotype import genotypes

INNER = 3  # pixels by which lines may overlap the edge of a box
TITLE = "a title, $ and all, that is too long for the picture of a small cell"


class Picture:
    """Return a figure's texts, boxes and arrows, in pixels."""

    def __init__(self, figure: Figure) -> None:
        renderer = FigureCanvasAgg(figure).get_renderer()
        self.whole = figure.bbox
        (axes,) = figure.axes
        self.texts = {
            text: text.get_window_extent(renderer)
            for text in axes.findobj(Text)
            if isinstance(text, Text) and text.get_text() and text.get_visible()
        }
        self.boxes = [
            patch.get_window_extent(renderer)
            for patch in axes.patches
            if isinstance(patch, FancyBboxPatch | Ellipse)
        ]
        self.lines = [line(patch) for patch in axes.patches if isinstance(patch, FancyArrowPatch)]

    def text_in(self, box: Bbox) -> str:
        (text,) = (text.get_text() for text, place in self.texts.items() if inside(place, box))
        return text

    def connections(self) -> Iterable[tuple[Bbox, Bbox]]:
        """Return the boxes at the start and the end of each arrow."""
        for path in self.lines:
            (x0, y0), (x1, y1) = path.vertices[0], path.vertices[-1]
            yield (
                min(self.boxes, key=lambda b: math.hypot(b.x1 - x0, (b.y0 + b.y1) / 2 - y0)),
                min(self.boxes, key=lambda b: math.hypot(b.x0 - x1, (b.y0 + b.y1) / 2 - y1)),
            )


def line(arrow: FancyArrowPatch) -> Curve:
    """Return an arrow without its head, which is a separate path after the line."""
    path = arrow.get_transform().transform_path(arrow.get_path())
    starts = [*(i for i, code in enumerate(path.codes) if code == Curve.MOVETO), len(path.codes)]
    return Curve(path.vertices[: starts[1]], path.codes[: starts[1]])


def inside(inner: Bbox, outer: Bbox) -> bool:
    return (
        outer.x0 <= inner.x0
        and inner.x1 <= outer.x1
        and outer.y0 <= inner.y0
        and inner.y1 <= outer.y1
    )


def check_legible(genotype: Genotype) -> None:
    picture = Picture(cells_figure(genotype, TITLE))
    for a, b in combinations(picture.texts.values(), 2):
        assert not a.overlaps(b)
    for a, b in combinations(picture.boxes, 2):
        assert not a.overlaps(b)
    for place in (*picture.texts.values(), *picture.boxes):
        assert inside(place, picture.whole)
    headings = [
        place
        for place in picture.texts.values()
        if not any(inside(place, box) for box in picture.boxes)
    ]
    assert len(headings) == 3
    insides = [
        Bbox.from_extents(box.x0 + INNER, box.y0 + INNER, box.x1 - INNER, box.y1 - INNER)
        for box in picture.boxes
    ]
    for path in picture.lines:
        assert not any(path.intersects_bbox(box, filled=False) for box in (*insides, *headings))


@pytest.mark.parametrize("name", ZOO)
def test_no_label_of_the_zoo_is_covered(name: str) -> None:
    check_legible(ZOO[name])


@settings(max_examples=12)
@given(genotypes(most=4))
@example(Genotype("cnn", {f"{c}_0": (("input_1", "conv_1x1"),) for c in ("normal", "reduce")}))
def test_no_label_is_covered(genotype: Genotype) -> None:
    check_legible(genotype)


@settings(max_examples=8)
@given(genotypes())
@example(ZOO["nasnet_a"])
def test_arrows_connect_what_the_genotype_connects(genotype: Genotype) -> None:
    names = ("$c_{k-2}$", "$c_{k-1}$", *"0123456")
    expected: Counter[tuple[str, ...]] = Counter()
    for plan in plans(genotype):
        expected.update((names[state], "$c_k$") for state in plan.output)
        for node, pairs in enumerate(plan.nodes):
            expected.update((names[state], operation, str(node)) for state, operation in pairs)
    picture = Picture(cells_figure(genotype))
    after = {}
    for start, end in picture.connections():
        if picture.text_in(end) in names:
            assert start.bounds not in after
            after[start.bounds] = picture.text_in(end)
    drawn: Counter[tuple[str, ...]] = Counter()
    for start, end in picture.connections():
        if picture.text_in(end) not in names:
            node = (after.pop(end.bounds),) if end.bounds in after else ()
            drawn[(picture.text_in(start), picture.text_in(end), *node)] += 1
    assert drawn == expected
    assert not after


def test_png_and_svg_are_written(tmp_path: Path) -> None:
    for name in ("cells.png", "cells.svg", "CELLS.SVG"):
        draw_cells(ZOO["nasp"], tmp_path / name, "NASP & $ <1>")
    assert len(list(tmp_path.iterdir())) == 3
    assert (tmp_path / "cells.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / "cells.svg").read_bytes()
    assert svg == (tmp_path / "CELLS.SVG").read_bytes()
    texts = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    words = Counter("".join(text.itertext()).strip() for text in texts)
    assert words["NASP & $ <1>"] == 1
    assert words["conv_3x1_1x3"] == 1
    assert words["dil_conv_3x3"] == words["conv_3x3"] == 3
    assert words["skip_connect"] == 1 + 5


def test_what_cannot_be_drawn_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(NaspError, match=r"cells\.jpg: pictures are \.png or \.svg"):
        draw_cells(ZOO["nasp"], tmp_path / "cells.jpg")
    with pytest.raises(NaspError, match="'rnn'"):
        draw_cells(Genotype("rnn", {}), tmp_path / "cells.png")
    assert not list(tmp_path.iterdir())
