"""Genotypes are equal by value, and can be written to and read from JSON."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nasp.core.decision import Decision
from nasp.core.genotype import Genotype, choices_of, projection_of
from nasp.errors import NaspError

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


HAND_WRITTEN = {"version": 1, "space": "s", "choices": {"n": [["a", "x"]]}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": True}, "version must be a whole number"),
        ({"version": "1"}, "version must be a whole number"),
        ({"version": 2}, "genotype version 2, .* install the release"),
        ({"space": 1}, "space must be text"),
        ({"choices": []}, "choices must be a mapping"),
        ({"choices": {"n": [["a"]]}}, r"choices\.n\[0\] must be a list of 2"),
        ({"choices": {"n": "ab"}}, r"choices\.n must be a list"),
        ({"choices": {"n": [["a", 1]]}}, r"choices\.n\[0\]\[1\] must be text"),
        ({"continuous": {"w": [[1, "2"]]}}, r"continuous\.w must be lists of finite numbers"),
        ({"continuous": {"w": False}}, r"continuous\.w must be lists of finite numbers"),
        ({"continuous": [1]}, "continuous must be a mapping"),
        ({"continous": {}}, "continous is not a known key"),
        ({"digest": "0" * 64}, 'if you edited it, remove its "digest"'),
    ],
)
def test_a_wrong_section_is_named(change: dict, message: str, tmp_path: Path) -> None:
    path = tmp_path / "genotype.json"
    path.write_text(json.dumps({**HAND_WRITTEN, **change}))
    with pytest.raises(NaspError, match=message) as error:
        Genotype.load(path)
    assert str(error.value).startswith(f"{path}: ")


def test_a_person_may_write_one_without_a_digest(tmp_path: Path) -> None:
    path = tmp_path / "genotype.json"
    path.write_text(json.dumps(HAND_WRITTEN))
    assert Genotype.load(path) == Genotype("s", {"n": (("a", "x"),)})


def test_a_changed_number_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "genotype.json"
    Genotype("s", {"n": (("a", "x"),)}, {"w": [[0.1, -2.5]]}).save(path)
    path.write_text(path.read_text().replace("-2.5", "-2.4"))
    with pytest.raises(NaspError, match="does not match its digest"):
        Genotype.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NaspError, match=r"nowhere\.json"):
        Genotype.load(tmp_path / "nowhere.json")


def test_save_and_load(tmp_path: Path) -> None:
    genotype = Genotype("s", {"n": (("a", "x"),)}, {"w": [[0.1, -2.5]]})
    genotype.save(tmp_path / "g.json")
    assert Genotype.load(tmp_path / "g.json") == genotype


def test_a_runs_folder_stands_for_its_genotype(tmp_path: Path) -> None:
    genotype = Genotype("toy", {"node": (("a", "max"),)})
    genotype.save(tmp_path / "genotype.json")
    assert Genotype.load(tmp_path) == genotype
