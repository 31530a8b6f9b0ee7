"""Genotypes of recurrent cells and DARTS's notation of them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasp.core.genotype import Genotype, choices_of, projection_of
from nasp.errors import NaspError
from nasp.rnn.genotype import darts_text, decisions_of, from_darts, parse_darts, plan_of
from nasp.rnn.operations import OPERATIONS
from nasp.rnn.zoo import ZOO, find_genotype

# As in their authors' code.
PUBLISHED = {
    "darts_v1": """DARTS_V1 = Genotype(recurrent=[('relu', 0), ('relu', 1), ('tanh', 2),
        ('relu', 3), ('relu', 4), ('identity', 1), ('relu', 5), ('relu', 1)],
        concat=range(1, 9))""",
    "darts_v2": """Genotype(recurrent=[('sigmoid', 0), ('relu', 1), ('relu', 1), ('identity', 1),
        ('tanh', 2), ('sigmoid', 5), ('tanh', 3), ('relu', 5)], concat=range(1, 9))""",
    "enas": """Genotype(recurrent=[('tanh', 0), ('tanh', 1), ('relu', 1), ('tanh', 3), ('tanh', 3),
        ('relu', 3), ('relu', 4), ('relu', 7), ('relu', 8), ('relu', 8), ('relu', 8)],
        concat=[2, 5, 6, 9, 10, 11])""",
}
CELLS = st.lists(
    st.tuples(st.sampled_from(list(OPERATIONS)), st.integers(0, 99)), min_size=1, max_size=12
).map(lambda nodes: [(name, state % (i + 1)) for i, (name, state) in enumerate(nodes)])


@pytest.mark.parametrize("name", ZOO)
def test_cells_are_as_published(name: str) -> None:
    assert parse_darts(PUBLISHED[name]) == ZOO[name]


def test_the_output_of_enas_is_the_mean_of_what_no_node_takes() -> None:
    plan = plan_of(ZOO["enas"])
    assert set(plan.output) == set(range(1, 12)) - {source for source, _ in plan.nodes}


@pytest.mark.parametrize("name", ["darts_v1", "darts_v2"])
def test_cells_of_darts_belong_to_the_space(name: str) -> None:
    decisions, choices = decisions_of(), ZOO[name].choices
    assert choices_of(decisions, projection_of(decisions, choices)) == choices


def test_the_space_has_36_predecessors_and_144_candidates() -> None:
    shapes = [decision.shape for decision in decisions_of()]
    assert shapes == [(node, 4) for node in range(1, 9)]
    assert {decision.keep for decision in decisions_of()} == {1}


@given(CELLS, st.data())
def test_cells_survive_both_notations(
    recurrent: list[tuple[str, int]], data: st.DataObject
) -> None:
    count = len(recurrent)
    some = st.lists(st.integers(1, count), min_size=1, unique=True)
    concat = data.draw(st.one_of(st.just(list(range(1, count + 1))), some))
    genotype = from_darts(recurrent, concat)
    assert parse_darts(darts_text(genotype)) == genotype
    assert Genotype.from_json(genotype.to_json()) == genotype
    plan = plan_of(genotype)
    assert [(name, state) for state, name in plan.nodes] == recurrent
    assert list(plan.output) == concat


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "not one genotype"),
        ("Genotype(recurrent=[('relu', 0)])", "needs recurrent and concat"),
        ("Genotype(recurrent=[('relu', 1)], concat=[1])", "node_1 cannot have the source"),
        ("Genotype(recurrent=[('rleu', 0)], concat=[1])", "did you mean 'relu'"),
        ("Genotype(recurrent=[('relu', 0)], concat=[0])", "from node_1 on"),
        ("Genotype(recurrent=[], concat=[])", "has no node_1"),
    ],
)
def test_what_is_no_cell_is_refused(text: str, message: str) -> None:
    with pytest.raises(NaspError, match=message):
        parse_darts(text)


def test_gaps_and_other_spaces_are_refused(tmp_path: Path) -> None:
    one = (("node_0", "relu"),)
    with pytest.raises(NaspError, match=r"node_3.*follows a gap"):
        plan_of(Genotype("rnn", {"node_1": one, "node_3": one}))
    with pytest.raises(NaspError, match="node_1 has 2 choices"):
        plan_of(Genotype("rnn", {"node_1": one + one}))
    path = tmp_path / "genotype.json"
    Genotype("cnn", {"node_1": one}).save(path)
    with pytest.raises(NaspError, match=r"genotype\.json: .*'cnn'.*recurrent cell"):
        find_genotype(str(path))


def test_a_command_finds_names_files_and_folders(tmp_path: Path) -> None:
    ZOO["darts_v1"].save(tmp_path / "genotype.json")
    assert find_genotype("darts_v2") is ZOO["darts_v2"]
    assert find_genotype(str(tmp_path)) == ZOO["darts_v1"]
    assert find_genotype(str(tmp_path / "genotype.json")) == ZOO["darts_v1"]
    with pytest.raises(NaspError, match="did you mean 'darts_v2'"):
        find_genotype("dart_v2")
