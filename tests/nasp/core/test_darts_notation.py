"""DARTS's notation is read, or refused, and never executed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasp.core.darts_notation import read_cells
from nasp.errors import NaspError

CELLS = {"normal": "normal_concat", "reduce": "reduce_concat"}
TEXT = (
    "Genotype(normal=[('conv_3x3', 0), ('skip_connect', 1)], normal_concat=[2], "
    "reduce=[('skip_connect', 1)], reduce_concat=range(2, 5))"
)
READ = [([("conv_3x3", 0), ("skip_connect", 1)], [2]), ([("skip_connect", 1)], [2, 3, 4])]


@pytest.mark.parametrize("before", ["", "DARTS_V2 = ", "05/12 10:00:01 AM genotype = ", "\n  "])
@pytest.mark.parametrize("after", ["", "\n", "  # the best"])
def test_text_is_found_in_a_line(before: str, after: str) -> None:
    assert read_cells(before + TEXT + after, CELLS) == READ


def test_cells_come_in_the_order_asked_for() -> None:
    assert read_cells(TEXT, dict(reversed(CELLS.items()))) == READ[::-1]


def test_one_cell() -> None:
    one = {"recurrent": "concat"}
    assert read_cells("Genotype(concat=[1], recurrent=[('relu', 0)])", one) == [
        ([("relu", 0)], [1])
    ]
    with pytest.raises(NaspError, match=r"needs recurrent and concat, .*\(recurrent=.*, concat="):
        read_cells(TEXT, one)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Genotype", "Cells", "not one genotype"),
        ("[2]", "[2], genus=1", "each once"),
        (", normal_concat=[2]", "", "needs normal, normal_concat, reduce, reduce_concat, each"),
        ("[2]", "[2], normal_concat=[2]", "not one genotype"),
        ("5))", "5)", "not one genotype"),
        ("5))", f"5)) {TEXT}", "not one genotype"),
        ("5))", "5))(normal=[])", r"not Genotype\(name=value"),
        ("Genotype(", "Genotype(1, ", r"not Genotype\(name=value"),
        ("5)", "10**9)", "not one genotype"),
        ("5)", "1000000000000)", "too long"),
        ("5)", "5, 0)", "not one genotype"),
        ("[2]", "list(3)", r"list\(\.\.\.\) is not read"),
        ("[2]", "[True]", "True is not an index"),
        ("[2]", "3", "not one genotype"),
        ("('conv_3x3', 0)", "('conv_3x3',)", "not one genotype"),
        ("('conv_3x3', 0)", "(1, 2)", "1 is not an operation"),
        ("[2]", "[" * 5000, "not one genotype"),
        ("[2]", "\0", "not one genotype"),
    ],
)
def test_bad_text_is_refused(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(NaspError, match=message):
        read_cells(TEXT.replace(old, new), CELLS)


def test_nothing_in_a_text_is_executed(tmp_path: Path) -> None:
    path = tmp_path / "made"
    for code in (f"open({str(path)!r}, 'w')", f"__import__('pathlib').Path({str(path)!r}).touch()"):
        with pytest.raises(NaspError):
            read_cells(TEXT.replace("[2]", code), CELLS)
    assert not path.exists()


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(NaspError):
        read_cells(f"Genotype({text}", CELLS)
