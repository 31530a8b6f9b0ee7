"""Checks of frames."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nasp.errors import NaspError
from sif.data import check
from sif.data.columns import Columns


def check_frame(frame: pd.DataFrame, columns: Columns | None = None) -> pd.DataFrame:
    return check.check_frame(frame, columns=columns).frame()


def fault(frame: pd.DataFrame, columns: Columns | None = None) -> str:
    with pytest.raises(NaspError) as caught:
        check_frame(frame, columns)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_good_frame_passes_and_is_left_alone(frame: pd.DataFrame) -> None:
    before = frame.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        once = check_frame(frame)
        pd.testing.assert_frame_equal(check_frame(once), once)
    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_frame_equal(once, before)


def test_names_and_extra_columns(frame: pd.DataFrame) -> None:
    named = frame.rename(columns={"user": "userId", "item": "movieId"}).assign(note="x")
    pd.testing.assert_frame_equal(check_frame(named), check_frame(frame))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("int32", "int32"),
        ("Int64", "int64"),
        ("float64", "int64"),
        ("category", "int64"),
        ("str", "str"),
        ("object", "str"),
        ("datetime64[ns]", "str"),
    ],
)
def test_ids_become_integers_or_strings(frame: pd.DataFrame, kind: Any, expected: str) -> None:
    frame = frame.assign(user=frame["user"].astype(str if kind == "object" else "int64"))
    frame["user"] = frame["user"].astype(kind)
    assert check_frame(frame)["user"].dtype == expected


def test_mixed_ids_become_strings(frame: pd.DataFrame) -> None:
    frame["user"] = frame["user"].astype(object).replace({3: "three"})
    assert set(check_frame(frame)["user"]) == {"0", "1", "2", "three", "4"}


@pytest.mark.parametrize(
    ("column", "value", "parts"),
    [
        ("rating", np.nan, ("row 5, column rating", "missing or infinite", "the 1 rows")),
        ("rating", -np.inf, ("row 5, column rating", "missing or infinite")),
        ("rating", "good", ("row 5, column rating", "'good'", "--columns rating=")),
        ("user", None, ("row 5, column user", "no id", "the 1 rows")),
    ],
)
def test_bad_values(frame: pd.DataFrame, column: str, value: Any, parts: tuple[str, ...]) -> None:
    frame[column] = frame[column].astype(object)
    frame.loc[5, column] = value
    message = fault(frame)
    assert all(part in message for part in ("the table given", *parts)), message


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"user": 7, "item": range(40)}, ("one user (7)",)),
        ({"item": 7, "user": range(40)}, ("one item (7)",)),
        ({"rating": 3.5}, ("all ratings are 3.5",)),
    ],
)
def test_too_uniform(frame: pd.DataFrame, change: dict[str, Any], parts: tuple[str, ...]) -> None:
    assert all(part in fault(frame.assign(**change)) for part in parts)


def test_too_few(frame: pd.DataFrame) -> None:
    assert "9 ratings; at least 10" in fault(frame[:9])
    assert "no ratings" in fault(frame[:0])
    assert "no user column among its columns" in fault(pd.DataFrame({"a": [1]}))


def test_repeats_without_times_keep_the_last_row(frame: pd.DataFrame) -> None:
    again = pd.concat([frame, frame[:2].assign(rating=9.0)]).drop(columns="timestamp")
    with pytest.warns(UserWarning, match="2 of 42 rows"):
        checked = check_frame(again)
    assert len(checked) == 40
    assert checked["rating"].tolist()[-2:] == [9, 9]


def test_contexts_make_pairs_distinct(frame: pd.DataFrame) -> None:
    both = pd.concat([frame.assign(city="A"), frame.assign(city="B")])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(check_frame(both, Columns(contexts=("city",)))) == 80


def test_times(frame: pd.DataFrame) -> None:
    days = pd.to_datetime(frame["timestamp"], unit="D")
    for dates in (days, days.astype("str"), days.dt.date):
        times = check_frame(frame.assign(timestamp=dates))["timestamp"]
        assert np.array_equal(np.argsort(times), np.argsort(frame["timestamp"]))
    morning = frame.drop(columns="timestamp").assign(time="morning")
    assert "timestamp" not in check_frame(morning)
    assert "row 0, column time: neither" in fault(morning, Columns(timestamp="time"))
