"""Plots of the weights of cells."""

from pathlib import Path

import pytest

from nasp.core.decision import Decision
from nasp.core.genotype import Genotype
from nasp.runs import plots
from nasp.runs.plots import draw_weights

OPERATIONS = ("skip", "conv", "pool")
DECISIONS = (
    Decision("first", ("in",), OPERATIONS, (0, 1, 0)),
    Decision("second", ("in", "first"), OPERATIONS, (0, 1, 0)),
)
GENOTYPE = Genotype("toy", {"first": (("in", "conv"),), "second": (("first", "pool"),)})
# For a node with a single edge, the name of a weight contains no edge.
WEIGHTS = {
    "arch/first/skip": 0.1,
    "arch/first/conv": 0.2,
    "arch/first/pool": 0.3,
    "arch/second/in/skip": 0.4,
    "arch/second/in/conv": 0.5,
    "arch/second/in/pool": 0.6,
    "arch/second/first/skip": 0.7,
    "arch/second/first/conv": 0.8,
    "arch/second/first/pool": 0.9,
}


@pytest.mark.parametrize("epochs", [1, 3])
def test_the_picture_of_weights_has_all_edges_and_frames_those_kept(
    epochs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = []
    monkeypatch.setattr(plots, "save", lambda figure, path: figures.append(figure))
    draw_weights(DECISIONS, [WEIGHTS] * epochs, GENOTYPE, tmp_path / "weights.png")
    panels = {axes.get_title(): axes for axes in figures[0].axes if axes.get_title()}
    values = {
        "in to first: conv": [0.1, 0.2, 0.3],
        "in to second": [0.4, 0.5, 0.6],
        "first to second: pool": [0.7, 0.8, 0.9],
    }
    assert list(panels) == list(values)
    for title, axes in panels.items():
        thick = {spine.get_linewidth() for spine in axes.spines.values()}
        assert (thick == {2.0}) == (":" in title)
        lines = axes.get_lines()
        assert [line.get_label() for line in lines] == list(OPERATIONS)
        assert [list(line.get_ydata()) for line in lines] == [[v] * epochs for v in values[title]]
        # A line with a single point would be invisible.
        assert {line.get_marker() for line in lines} == ({"o"} if epochs == 1 else {"None"})
