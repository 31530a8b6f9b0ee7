"""Drawings of cells."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from PIL import Image

from nasp.core.genotype import Genotype
from nasp.errors import NaspError
from nasp.rnn.draw import cell_figure, draw_cell, place_nodes
from nasp.rnn.genotype import from_darts, plan_of
from nasp.rnn.zoo import ZOO
from tests.nasp.rnn.test_genotype import CELLS


@pytest.mark.parametrize("name", ZOO)
def test_a_picture_names_nodes_and_activations(name: str, tmp_path: Path) -> None:
    draw_cell(ZOO[name], tmp_path / "cell.png", "a title")
    draw_cell(ZOO[name], tmp_path / "cell.svg", "a title")
    with Image.open(tmp_path / "cell.png") as image:
        assert image.width > image.height > 200
    assert "a title" in (tmp_path / "cell.svg").read_text()
    texts = Counter(text.get_text() for text in cell_figure(ZOO[name]).axes[0].texts)
    plan = plan_of(ZOO[name])
    for operation, count in Counter(operation for _, operation in plan.nodes).items():
        assert texts[operation] == count
    assert all(texts[str(state)] == 1 for state in range(len(plan.nodes) + 1))


@given(CELLS)
def test_no_two_states_share_a_place_and_arrows_lie_in_rows_of_their_own(
    recurrent: list[tuple[str, int]],
) -> None:
    plan = plan_of(from_darts(recurrent, range(1, len(recurrent) + 1)))
    places = place_nodes(plan)
    assert len(set(places)) == len(places)
    rows: dict[int, list[int]] = {}
    for node, (source, _) in enumerate(plan.nodes, 1):
        assert places[node][0] == places[source][0] + 1  # one column to the right
        assert places[node][1] >= places[source][1]
        rows.setdefault(places[node][1], []).append(places[node][0])
    for columns in rows.values():  # a row is one unbroken run of nodes
        assert all(b - a == 1 for a, b in pairwise(sorted(columns)))


def test_the_same_cell_is_the_same_file(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        draw_cell(ZOO["darts_v2"], tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_other_spaces_and_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NaspError, match="recurrent cell is needed"):
        draw_cell(Genotype("cnn", {}), tmp_path / "cell.png")
    with pytest.raises(NaspError, match=r"\.png or \.svg"):
        draw_cell(ZOO["enas"], tmp_path / "cell.pdf")
