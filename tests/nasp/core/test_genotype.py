"""Genotypes are equal by value, and survive JSON."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nasp.core.decision import Decision
from nasp.core.errors import NaspError
from nasp.core.genotype import Genotype, choices_of, projection_of

names = st.text(min_size=1, max_size=8)
numbers = st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), max_size=4)
genotypes = st.builds(
    Genotype,
    names,
    st.dictionaries(names, st.lists(st.tuples(names, names), max_size=3).map(tuple), max_size=3),
    st.dictionaries(names, numbers, max_size=3),
)


@given(genotypes)
def test_json_round_trip_is_exact(genotype: Genotype) -> None:
    assert Genotype.from_json(genotype.to_json()) == genotype


def test_choices_and_projection_are_inverse() -> None:
    decision = Decision("n", ("a", "b", "c"), ("x", "y"), (1, 1), keep=2)
    projection = {"n": torch.tensor([[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]])}
    choices = choices_of((decision,), projection)
    assert choices == {"n": (("a", "y"), ("c", "x"))}
    assert torch.equal(projection_of((decision,), choices)["n"], projection["n"])
    assert str(Genotype("s", choices)) == "n: y(a) + x(c)"


@pytest.mark.parametrize(
    ("choices", "message"),
    [({}, "'n'"), ({"n": (("a", "z"),)}, "'z'"), ({"n": (("q", "x"),)}, "'q'")],
)
def test_foreign_choices_are_refused(choices: dict, message: str) -> None:
    with pytest.raises(NaspError, match=message):
        projection_of((Decision("n", ("a",), ("x", "y"), (1, 1)),), choices)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"version": 99}', "{"])
def test_a_bad_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "genotype.json"
    path.write_text(text)
    with pytest.raises(NaspError, match=r"genotype\.json: "):
        Genotype.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NaspError, match=r"nowhere\.json"):
        Genotype.load(tmp_path / "nowhere.json")


def test_save_and_load(tmp_path: Path) -> None:
    genotype = Genotype("s", {"n": (("a", "x"),)}, {"w": [[0.1, -2.5]]})
    genotype.save(tmp_path / "g.json")
    assert Genotype.load(tmp_path / "g.json") == genotype
