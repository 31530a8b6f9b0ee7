"""Genotypes of CNN cells are checked, and convert to DARTS's notation and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasp.cnn.genotype import CellPlan, darts_text, from_darts, parse_darts, plans, to_darts
from nasp.cnn.operations import OPERATIONS
from nasp.core.genotype import Choices, Genotype
from nasp.errors import NaspError

OPERATION = st.sampled_from([name for name in OPERATIONS if name != "none"])


@st.composite
def genotypes(draw: st.DrawFn, most: int = 3, least: int = 1) -> Genotype:
    """Random cells of up to 6 nodes with `least` to `most` operations each."""
    choices: Choices = {}
    for cell in ("normal", "reduce"):
        sources = ["input_0", "input_1"]
        for node in range(draw(st.integers(1, 6))):
            pair = st.tuples(st.sampled_from(sources), OPERATION)
            pairs = draw(st.lists(pair, min_size=least, max_size=most))
            choices[f"{cell}_{node}"] = tuple(pairs)
            sources.append(f"node_{node}")
        output = draw(st.lists(st.sampled_from(sources[2:]), min_size=1, unique=True))
        if output != sources[2:]:
            choices[f"{cell}_output"] = tuple((source, "concat") for source in output)
    return Genotype("cnn", choices)


SMALL: Choices = {
    "normal_0": (("input_0", "skip_connect"), ("input_1", "conv_3x3")),
    "normal_1": (("node_0", "conv_1x1"), ("node_0", "max_pool_3x3")),
    "normal_output": (("node_1", "concat"),),
    "reduce_0": (("input_1", "avg_pool_3x3"), ("input_1", "skip_connect")),
}
TEXT = (
    "Genotype(normal=[('skip_connect', 0), ('conv_3x3', 1), ('conv_1x1', 2), ('max_pool_3x3', 2)], "
    "normal_concat=[3], reduce=[('avg_pool_3x3', 1), ('skip_connect', 1)], reduce_concat=[2])"
)


def test_plans_number_states_as_darts() -> None:
    assert plans(Genotype("cnn", SMALL)) == (
        CellPlan(
            (((0, "skip_connect"), (1, "conv_3x3")), ((2, "conv_1x1"), (2, "max_pool_3x3"))), (3,)
        ),
        CellPlan((((1, "avg_pool_3x3"), (1, "skip_connect")),), (2,)),
    )


def test_text_is_darts_notation() -> None:
    assert darts_text(Genotype("cnn", SMALL)) == TEXT
    assert parse_darts(TEXT) == Genotype("cnn", SMALL)


def test_ranges_and_spellings_are_read() -> None:
    text = TEXT.replace("[2])", "range(2, 3))").replace("[3]", "range(3, 4)")
    text = text.replace("conv_3x3", "sep_3x3").replace("conv_1x1", "conv 3x1 1x3")
    nodes = to_darts(parse_darts(text)).normal
    assert [operation for operation, _ in nodes[1:3]] == ["sep_conv_3x3", "conv_3x1_1x3"]


@given(genotypes(least=2, most=2))
def test_round_trips(genotype: Genotype) -> None:
    assert from_darts(*to_darts(genotype)) == genotype
    assert parse_darts(darts_text(genotype)) == genotype


@given(genotypes())
def test_plans_keep_every_pair(genotype: Genotype) -> None:
    states = ["input_0", "input_1", *(f"node_{node}" for node in range(6))]
    for cell, plan in zip(("normal", "reduce"), plans(genotype), strict=True):
        for node, pairs in enumerate(plan.nodes):
            named = tuple((states[state], operation) for state, operation in pairs)
            assert genotype.choices[f"{cell}_{node}"] == named
        output = genotype.choices.get(f"{cell}_output")
        listed = [source for source, _ in output] if output else states[2 : 2 + len(plan.nodes)]
        assert [states[state] for state in plan.output] == listed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"normal_0": None}, "no normal_0"),
        ({"reduce_0": None}, "no reduce_0"),
        ({"normal_3": (("input_0", "conv_3x3"),)}, r"'normal_3'.*gap"),
        ({"normal_00": (("input_0", "conv_3x3"),)}, "'normal_00'"),
        ({"reduced_0": (("input_0", "conv_3x3"),)}, r"'reduced_0'.*did you mean 'reduce_0'"),
        ({"reduce_0": ()}, "reduce_0 is empty"),
        ({"normal_0": (("node_0", "conv_3x3"),)}, r"normal_0 .*source 'node_0'.*input_0, input_1$"),
        ({"normal_1": (("node_2", "conv_3x3"),)}, r"normal_1 .*source 'node_2'"),
        ({"normal_1": (("node_0", "none"),)}, r"normal_1 .*operation 'none'"),
        ({"normal_1": (("node_0", "conv_3x2"),)}, r"'conv_3x2' \(did you mean 'conv_3x3'\?\)"),
        ({"normal_output": ()}, "normal_output is empty"),
        ({"normal_output": (("input_0", "concat"),)}, r"normal_output .*source 'input_0'"),
        ({"normal_output": (("node_0", "sum"),)}, r"normal_output .*operation 'sum'"),
        ({"normal_output": (("node_1", "concat"),) * 2}, r"normal_output .*twice"),
    ],
)
def test_what_is_wrong_is_said(change: dict, message: str) -> None:
    choices = {name: pairs for name, pairs in {**SMALL, **change}.items() if pairs is not None}
    with pytest.raises(NaspError, match=message) as error:
        plans(Genotype("cnn", choices))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("space", ["sif", "rnn"])
def test_another_space_is_one_clear_line(space: str) -> None:
    with pytest.raises(NaspError, match=rf"^a genotype of the space '{space}', but CNN cells.*$"):
        plans(Genotype(space, {"join": (("embeddings", "plus"),)}))


def test_darts_has_two_operations_in_a_node() -> None:
    with pytest.raises(NaspError, match="normal_1 has 1 "):
        to_darts(Genotype("cnn", {**SMALL, "normal_1": (("node_0", "conv_1x1"),)}))
    with pytest.raises(NaspError, match="reduce has 1 "):
        from_darts([("conv_1x1", 0)] * 2, [2], [("conv_1x1", 0)], [2])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (", reduce_concat=[2]", "", "needs normal, normal_concat, reduce, reduce_concat, each"),
        ("[3]", "[-1]", "input_-1"),
        ("[3]", "[7]", "'node_5'"),
        ("[3]", "[]", "normal_output is empty"),
        ("('conv_1x1', 2)", "('conv_1x1', 4)", r"normal_1 .*'node_2'"),
        ("('conv_1x1', 2)", "('none', 2)", "'none'"),
    ],
)
def test_bad_text_is_refused(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(NaspError, match=message):
        parse_darts(TEXT.replace(old, new))
