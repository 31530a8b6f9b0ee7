"""Ids keep their values, and are found by values of any type."""

import datetime
import uuid
import warnings
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nasp.errors import NaspError
from sif.data import Table, align_id_types, check_frame, find_ids, read_table, report_unknown_ids
from sif.data.id_numbering import IdNumbering
from sif.data.ids import joined_ids

LATE = pd.Timestamp("2020-01-01")
UUIDS = [uuid.UUID(int=i) for i in range(3)]


def written(folder: Path, users: list[str], name: str = "a.csv") -> Table:
    """Return the table of a file in which each of these users rates ten items."""
    rows = [
        f"{user},{item},{1 + (item + n) % 5}" for n, user in enumerate(users) for item in range(10)
    ]
    (folder / name).write_text("\n".join(["user,item,rating", *rows]))
    return read_table(folder / name)


@pytest.mark.parametrize(
    "odd",
    [
        *("00242", "+5", "12e0", "5.0", "-0", "1_000", "0x1F", " 7", "٣", "1e17", "true"),
        *("2020-01-01 00:00:00", "12345678901234567890", "9223372036854775808"),
        *("nan", "inf", "NA", "None", "null", "NaN", "#N/A", "-inf"),
    ],
)
def test_an_id_that_is_no_plain_integer_makes_its_column_text(tmp_path: Path, odd: str) -> None:
    table = written(tmp_path, ["1", odd])
    assert sorted(table.ids[0].tolist()) == sorted(["1", odd])
    assert table.ids[1].tolist() == list(range(10))


def test_plain_integers_are_integers(tmp_path: Path) -> None:
    users = [str(n) for n in (-(2**63), -7, 0, 5, 10, 2**53 + 1, 2**63 - 1)]
    assert written(tmp_path, users).ids[0].tolist() == [int(user) for user in users]


@pytest.mark.parametrize(
    ("values", "asked"),
    [
        ([1, 2, 3], [1, "2", np.int8(3)]),
        ([1, 2, 3], ["1", "2", "3"]),
        ([1, 2, 3], [Decimal(1), "2", b"3"]),
        (["1", "2", "x"], [1, 2, "x"]),
        (["1", "2", "x"], pd.Categorical(["1", "2", "x"])),
        (UUIDS, [str(u) for u in UUIDS]),
        (UUIDS, UUIDS),
        ([LATE, LATE + pd.Timedelta(1, "D"), LATE], pd.DatetimeIndex(["2020-01-01"] * 3)),
        ([LATE, LATE + pd.Timedelta(1, "h"), LATE], ["2020-01-01 00:00:00"] * 3),
        ([datetime.date(2020, 1, d) for d in (1, 2, 3)], [datetime.date(2020, 1, 1)] * 3),
        ([("a", 1), ("a", 2), ("b", 1)], [("a", np.int64(1))] * 3),
        ([b"a", b"b", b"c"], ["a", "b", b"c"]),
        ([Decimal("1.10"), Decimal(2), Decimal(3)], [Decimal("1.10")] * 3),
        (list(pd.period_range("2020-01", periods=3, freq="M")), [pd.Period("2020-01")] * 3),
        ([True, False, True], [True, False, True]),
        ([2**63, 2**64 - 1, 5], [2**63, str(2**64 - 1), 5]),
    ],
)
def test_what_was_fit_is_found_again(values: list[Any], asked: Any) -> None:
    frame = pd.DataFrame({"user": values * 10, "item": np.arange(30)})
    known = check_frame(frame.assign(rating=np.arange(30) % 4)).ids[0]
    positions = find_ids(asked, known, "users")
    own = find_ids(pd.Series(values), known, "users")
    assert (own >= 0).all()
    assert (positions >= 0).all()
    assert positions[0] == own[0]


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        ([1, 2], ["01", "1.0", "one", True, 1.5, None, 2**70, "9" * 30]),
        (["1", "02"], [2, "2", "1.0", True, None, np.nan, b"2"]),
    ],
)
def test_other_ids_are_not_found(known: list[Any], asked: list[Any]) -> None:
    positions = find_ids(asked, pd.Index(known), "users")
    assert positions.tolist() == [-1] * len(asked)


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}, np.array([1]), {1}, b"\xff"])
def test_what_is_no_id(frame: pd.DataFrame, value: Any) -> None:
    with pytest.raises(NaspError, match=r"^users: .*(not an id|not UTF-8)"):
        find_ids([value, 1], pd.Index([1, 2]), "users")
    frame["user"] = pd.Series([value] * 20 + [1] * 20, dtype=object)
    with pytest.raises(NaspError, match=r"column user: .*(not an id|not UTF-8)"):
        check_frame(frame)


def test_unknown_ids_are_told() -> None:
    known = pd.Index(["u1", "u2"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report_unknown_ids(np.array([0, 1]), ["u1", "u2"], known, "users")
    with pytest.warns(UserWarning, match="users: 1 of 3 ids are not known, guest for example"):
        report_unknown_ids(np.array([0, -1, 1]), ["u1", "guest", "u2"], known, "users")
    with pytest.raises(NaspError, match=r"users: no id is known, 7 for example.*u1 for example"):
        report_unknown_ids(np.array([-1, -1]), [7, 8], known, "users")


def test_tables_of_one_run_have_ids_of_one_type(tmp_path: Path) -> None:
    train = written(tmp_path, [str(n) for n in range(8, 12)])
    test = written(tmp_path, ["9", "guest", "10"], "b.csv")
    before = train.frame()
    ours, theirs = align_id_types(train, test)
    assert ours.ids[0].tolist() == ["10", "11", "8", "9"]
    assert ours.frame()["user"].tolist() == before["user"].astype("str").tolist()
    assert ours.frame()["item"].tolist() == before["item"].tolist()
    assert find_ids(theirs.ids[0], ours.ids[0], "users").tolist() == [0, 3, -1]
    pd.testing.assert_frame_equal(train.frame(), before)


def test_types_that_change_from_block_to_block() -> None:
    vocabulary = IdNumbering("t, column user", text=False)
    for block in (np.array([7, 8], np.int32), np.array([8.0, 9.0]), ["x", "7"]):
        vocabulary.append(pd.Series(block))
    ids, codes = vocabulary.finish()
    assert ids[codes].tolist() == ["7", "8", "8", "9", "x", "7"]


@pytest.mark.parametrize(
    ("known", "values", "expected"),
    [
        ([3, 7], ["7", "1", "x", "012"], [1, 3, 7]),
        ([3, 7], [7.0, 1.0], [1, 3, 7]),
        (["3", "b"], [7, 3], ["3", "7", "b"]),
        (["a", "b"], ["c", "a"], ["a", "b", "c"]),
    ],
)
def test_further_ids_have_the_type_of_the_known_ones(
    known: list[Any], values: list[Any], expected: list[Any]
) -> None:
    assert joined_ids(pd.Index(known), pd.Series(values), "users").tolist() == expected
