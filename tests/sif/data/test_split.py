"""Splits are disjoint, complete and reproducible."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nasp.errors import NaspError
from sif.data.ids import report_unseen_ids
from sif.data.split import Splits, given_splits, split_ratings
from sif.data.store import Table


def parts(splits: Splits) -> list[pd.DataFrame]:
    return [part.frame() for part in (splits.train, splits.valid, splits.test)]


def tables(*frames: pd.DataFrame) -> list[Table]:
    return [Table.from_frame(frame) for frame in frames]


def keys(splits: Splits) -> list[set[tuple[int, int]]]:
    return [set(zip(part["user"], part["item"], strict=True)) for part in parts(splits)]


@given(st.integers(0, 2**32), st.sampled_from(["random", "time"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
def test_a_split_is_a_partition(frame: pd.DataFrame, seed: int, by: str) -> None:
    splits = split_ratings(frame, by=by, seed=seed)  # type: ignore[arg-type]
    assert [len(part) for part in parts(splits)] == [20, 10, 10]
    whole = pd.concat(parts(splits)).sort_values(["user", "item"], ignore_index=True)
    pd.testing.assert_frame_equal(whole, frame)


def test_a_seed_fixes_a_split_and_nothing_else_does(frame: pd.DataFrame) -> None:
    first = split_ratings(frame, seed=3)
    np.random.seed(1)
    expected = np.random.random()
    np.random.seed(1)
    again = split_ratings(frame, seed=3)
    for one, two in zip(parts(first), parts(again), strict=True):
        pd.testing.assert_frame_equal(one, two)
    assert np.random.random() == expected
    assert keys(first) != keys(split_ratings(frame, seed=4))


def test_time_splits_old_from_new(frame: pd.DataFrame) -> None:
    train, valid, test = parts(split_ratings(frame, by="time", seed=0))
    assert train["timestamp"].max() < valid["timestamp"].min()
    assert valid["timestamp"].max() < test["timestamp"].min()


def test_equal_times_keep_the_order_of_rows(frame: pd.DataFrame) -> None:
    tied = frame.assign(timestamp=[1] * 30 + [0] * 10)
    train = split_ratings(tied, by="time", seed=0).train.frame()
    pd.testing.assert_frame_equal(train[:10], tied[30:].reset_index(drop=True))
    pd.testing.assert_frame_equal(train[10:].reset_index(drop=True), tied[:10])


@pytest.mark.parametrize(
    "fractions",
    [(0.5, 0.5, 0.0), (0.5, 0.4, 0.2), (1.5, -0.25, -0.25), (0.5, 0.5), (0.98, 0.01, 0.01)],
)
def test_bad_fractions(frame: pd.DataFrame, fractions: tuple[float, float, float]) -> None:
    with pytest.raises(NaspError, match="fractions") as caught:
        split_ratings(frame, fractions=fractions, seed=0)
    assert str(fractions) in str(caught.value)


def test_bad_splits_by_time(frame: pd.DataFrame) -> None:
    with pytest.raises(NaspError, match="--columns timestamp="):
        split_ratings(frame.drop(columns="timestamp"), by="time", seed=0)
    with pytest.raises(NaspError, match="equal"):
        split_ratings(frame.assign(timestamp=0), by="time", seed=0)
    with pytest.raises(NaspError, match="'users': it is one of random, time, user, last"):
        split_ratings(frame, by="users", seed=0)  # type: ignore[arg-type]


def test_given_splits_are_kept(frame: pd.DataFrame) -> None:
    train, valid, test = tables(frame[:20], frame[20:30], frame[30:])
    splits = given_splits(train, valid, test, seed=0)
    assert splits.train is train
    assert splits.valid is valid
    assert splits.test is test


def test_validation_is_carved_from_training(frame: pd.DataFrame) -> None:
    whole, test = tables(frame[:20], frame[20:])
    splits = given_splits(whole, None, test, seed=0)
    assert [len(part) for part in parts(splits)] == [15, 5, 20]
    train, valid, _ = keys(splits)
    assert not train & valid
    assert keys(given_splits(whole, None, test, seed=0)) == keys(splits)
    assert keys(given_splits(whole, None, test, seed=1)) != keys(splits)


def test_bad_given_splits(frame: pd.DataFrame) -> None:
    train, test = tables(frame[:20], frame[15:])
    (city,) = tables(frame.assign(city=1)[["user", "item", "city", "rating"]])
    with pytest.raises(NaspError, match="test ratings have columns user, item, city"):
        given_splits(train, None, city, seed=0)
    with pytest.raises(NaspError, match="no test ratings"):
        given_splits(train, None, test.take(np.arange(0)), seed=0)
    for fraction in (0.0, 1.0, -1.0):
        with pytest.raises(NaspError, match=str(fraction)):
            given_splits(train, None, test, fraction=fraction, seed=0)
    with pytest.warns(UserWarning, match="5 test ratings are in training too"):
        given_splits(train, *tables(frame[20:30]), test, seed=0)


def by_user(frame: pd.DataFrame) -> pd.DataFrame:
    """Users with 1, 2, 3, 8 and 20 ratings, in random order."""
    counts = {"a": 1, "b": 2, "c": 3, "d": 8, "e": 20}
    rows = [(user, item, 1.0 + item % 5) for user, n in counts.items() for item in range(n)]
    return pd.DataFrame(rows, columns=["user", "item", "rating"]).sample(frac=1, random_state=1)


def test_a_split_by_user_has_some_ratings_of_each_in_each_part(frame: pd.DataFrame) -> None:
    table = by_user(frame)
    splits = split_ratings(table, by="user", fractions=(0.5, 0.25, 0.25), seed=1)
    counts = [part["user"].value_counts().to_dict() for part in parts(splits)]
    assert counts == [
        {"a": 1, "b": 1, "c": 2, "d": 4, "e": 10},
        {"b": 1, "d": 2, "e": 5},
        {"c": 1, "d": 2, "e": 5},
    ]
    assert sum(map(len, keys(splits))) == len(set.union(*keys(splits))) == len(table)
    assert keys(split_ratings(table, by="user", seed=1)) == keys(splits)
    assert keys(split_ratings(table, by="user", seed=2)) != keys(splits)


@pytest.mark.parametrize("timed", [True, False])
def test_the_last_rating_of_each_user_tests(frame: pd.DataFrame, timed: bool) -> None:
    table = by_user(frame)
    if timed:
        table = table.assign(timestamp=1000 - table["item"])
        last, before = {"c": 0, "d": 0, "e": 0}, {"c": 1, "d": 1, "e": 1}
    else:
        ordered = table.groupby("user")["item"].apply(list)
        last, before = ({u: ordered[u][i] for u in "cde"} for i in (-1, -2))
    train, valid, test = parts(split_ratings(table, by="last", seed=0))
    assert dict(zip(test["user"], test["item"], strict=True)) == last
    assert dict(zip(valid["user"], valid["item"], strict=True)) == before
    assert len(train) + len(valid) + len(test) == len(table)
    assert set(train["user"]) == set("abcde")


def test_users_with_too_few_ratings_are_told() -> None:
    frame = pd.DataFrame({"user": range(40), "item": [1, 2] * 20, "rating": [1.0, 2.0] * 20})
    for by in ("user", "last"):
        with pytest.raises(NaspError, match="40 ratings of 40 users leaves a part empty"):
            split_ratings(frame, by=by, seed=0)  # type: ignore[arg-type]


def test_validation_of_given_splits_is_taken_as_the_split_says(frame: pd.DataFrame) -> None:
    (whole,) = tables(by_user(frame).assign(timestamp=range(34)))
    (test,) = tables(by_user(frame).assign(item=99, timestamp=0)[:5])

    def drawn(by: str, fraction: float = 0.25) -> tuple[pd.DataFrame, pd.DataFrame]:
        splits = given_splits(whole, None, test, by=by, fraction=fraction, seed=1)  # type: ignore[arg-type]
        train, valid, _ = parts(splits)
        assert len(train) + len(valid) == len(whole)
        assert splits.test is test
        return train, valid

    train, valid = drawn("user")
    assert valid["user"].value_counts().to_dict() == {"c": 1, "d": 2, "e": 5}
    assert set(train["user"]) == set("abcde")
    train, valid = drawn("last")
    assert valid["user"].value_counts().to_dict() == dict.fromkeys("bcde", 1)
    newest = whole.frame().groupby("user")["timestamp"].max()
    assert valid.set_index("user")["timestamp"].to_dict() == newest.drop("a").to_dict()
    train, valid = drawn("time", 0.5)
    assert train["timestamp"].max() < valid["timestamp"].min()


def test_unseen_ids_are_those_without_a_training_row(frame: pd.DataFrame) -> None:
    table = Table.from_frame(frame)
    train, test = table.take(np.arange(0, 20)), table.take(np.arange(16, 40))
    with pytest.warns(UserWarning, match="test ratings, column user: 2 of 3 ids are not known, 3"):
        report_unseen_ids(test, train, "test")
