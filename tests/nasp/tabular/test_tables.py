"""Reading of tables of architectures, and what is said of wrong ones."""

import math
from pathlib import Path

import pytest

from nasp.errors import NaspError
from nasp.tabular import TABLES
from tests.nasp.tabular import made


def macro_key(text: str) -> tuple[tuple[tuple[str, str], ...], ...]:
    blocks = ("identity", "mb3_k3", "mb6_k5")
    return tuple((("input", blocks[int(digit)]),) for digit in text)


def test_nasbench201_is_seen_by_validation_and_judged_by_test(tmp_path: Path) -> None:
    problems = TABLES["nasbench201"]().read(made.nasbench201(tmp_path / "t.csv"))
    assert list(problems) == list(made.DATA)
    problem = problems["cifar100"]
    (measured,) = problem.splits
    key = tuple(((d.sources[0], "conv_3x3"),) for d in problem.decisions)
    assert (measured.seen[key], measured.judged[key]) == (94, 40)
    assert (measured.best, measured.worst) == (40, 100)


def test_macro_is_seen_by_the_first_training_and_judged_by_the_mean(tmp_path: Path) -> None:
    (measured,) = TABLES["nasbench_macro"]().read(made.macro(tmp_path / "t.csv"))["cifar10"].splits
    key = macro_key("02010202")
    assert (measured.seen[key], measured.judged[key]) == (70, 69)
    assert measured.best == 19


def test_sif_bench_has_splits_and_trainings_that_diverged(tmp_path: Path) -> None:
    problem = TABLES["sif_bench"]().read(made.sif_bench(tmp_path / "t.csv"))["shop"]
    (decision,) = problem.decisions
    assert decision.sources == ("id", "history")
    assert decision.operations == ("plus", "max")
    first, second = problem.splits
    assert first.judged[((("history", "max"),),)] == pytest.approx(0.9)
    assert second.seen[((("id", "max"),),)] == pytest.approx(1.0)
    assert math.isinf(first.seen[((("history", "plus"),),)])


ROWS = made.macro_rows()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (ROWS[:-2], "2 architectures have no row, for example layer_1: .*mb6_k5.*whole table"),
        ([*ROWS, ROWS[7]], "line 6563: this architecture has a row already"),
        ([["00000003", 1, 1, 1]], "line 2: '00000003' is not a network of this space"),
        ([["0000000", 1, 1, 1]], "'0000000' is not a network"),
        ([["00000000", 1, "x", 1]], "line 2: test_accuracy_2 is 'x': it must be a number"),
        ([["00000000", 1, 1, "nan"]], "test_accuracy_3 is 'nan'"),
        ([["00000000", 1]], "test_accuracy_2 is ''"),
    ],
)
def test_a_wrong_row_is_named(rows: made.Rows, said: str, tmp_path: Path) -> None:
    with pytest.raises(NaspError, match=said):
        TABLES["nasbench_macro"]().read(made.macro(tmp_path / "t.csv", rows))


def test_a_table_of_another_space_is_refused(tmp_path: Path) -> None:
    tables = {"nasbench_macro": made.macro, "sif_bench": made.sif_bench}
    for name, make in tables.items():
        path = make(tmp_path / f"{name}.csv")
        for other in TABLES.keys() - {name}:
            with pytest.raises(NaspError, match=r"has no column .* a table of another space"):
                TABLES[other]().read(path)
    header = [
        "architecture",
        *(f"{d}_{c}" for d in made.DATA for c in ("valid_12_epochs", "test_200_epochs")),
    ]
    path = made.write(tmp_path / "cell.csv", header, [["|none~0|+|none~0|", *[1] * 6]])
    with pytest.raises(NaspError, match=r"line 2: not a cell of this space: .*none"):
        TABLES["nasbench201"]().read(path)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b'architecture,test\n"a', b""])
def test_a_damaged_file_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    for kind in TABLES.values():
        with pytest.raises(NaspError, match=r"t\.csv"):
            kind().read(path)


def test_sif_bench_without_a_member_is_refused(tmp_path: Path) -> None:
    rows = [["shop", 1, e, f, "map", 1, 1] for e, f in (("id", "max"), ("id", "min"), ("h", "max"))]
    with pytest.raises(NaspError, match=r"1 architectures have no row, .*'h': 'min'"):
        TABLES["sif_bench"]().read(made.sif_bench(tmp_path / "t.csv", rows))
