"""Positions of ids."""

import io

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nasp.errors import NaspError
from sif.data.encode import Encoder
from sif.data.ids import find_ids
from sif.data.store import Table

INTEGERS = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=30)
TEXTS = st.lists(st.text(max_size=5), min_size=1, max_size=30)


def table(users: list[int] | list[str], items: list[int] | list[str]) -> pd.DataFrame:
    rows = min(len(users), len(items))
    return pd.DataFrame({"user": users[:rows], "item": items[:rows], "rating": 1.0})


@given(INTEGERS | TEXTS, INTEGERS | TEXTS)
def test_positions_lead_back_to_ids(users: list[int], items: list[int]) -> None:
    frame = table(users, items)
    encoder = Encoder.fit(Table.from_frame(frame))
    positions = encoder.positions(Table.from_frame(frame))
    assert [p.dtype for p in positions] == [np.int32, np.int32]
    for column, name in enumerate(encoder.columns):
        ids = encoder.ids[column]
        assert ids[positions[column]].tolist() == frame[name].tolist()
        assert ids.is_monotonic_increasing
    assert encoder.sizes == (frame["user"].nunique(), frame["item"].nunique())


@given(INTEGERS | TEXTS, INTEGERS | TEXTS)
def test_state_survives_a_safe_load(users: list[int], items: list[int]) -> None:
    frame = table(users, items)
    encoder = Encoder.fit(Table.from_frame(frame))
    file = io.BytesIO()
    torch.save(encoder.state_dict(), file)
    file.seek(0)
    again = Encoder.from_state_dict(torch.load(file, weights_only=True))
    assert again.columns == encoder.columns
    asked = Table.from_frame(frame)
    assert np.array_equal(again.positions(asked), encoder.positions(asked))
    assert again.state_dict() == encoder.state_dict()


@pytest.mark.parametrize(
    ("known", "asked", "expected"),
    [
        ([12, 13], ["12", "x"], [0, -1]),
        (["12", "x"], [12, 13], [0, -1]),
        (["12", "x"], [None, np.nan], [-1, -1]),
        ([12, 13], [13.0, 12.5], [1, -1]),
        ([12, 13], [np.nan, 12], [-1, 0]),
        (["a", "b"], pd.Series(["b", "c"], dtype=object), [1, -1]),
        (["a", "b"], pd.Series(["b", "a"], dtype="category"), [1, 0]),
        (["a", "b"], pd.Series(["b", None], dtype="string"), [1, -1]),
        ([0, 1], [True, False], [-1, -1]),
        ([1, 2], pd.Series([2, 3], dtype="uint8"), [1, -1]),
        ([1, 2], pd.to_datetime(["2020-01-01", "1970-01-01"]), [-1, -1]),
    ],
)
def test_unseen_ids_and_other_types(known: list[int], asked: object, expected: list[int]) -> None:
    encoder = Encoder.fit(Table.from_frame(table(known, known)))
    assert find_ids(asked, encoder.ids[0], "user").tolist() == expected


def test_order_of_training_rows_does_not_matter(frame: pd.DataFrame) -> None:
    shuffled = Encoder.fit(Table.from_frame(frame.sample(frac=1, random_state=0)))
    assert shuffled.state_dict() == Encoder.fit(Table.from_frame(frame)).state_dict()


def test_contexts_are_encoded(frame: pd.DataFrame) -> None:
    frame.insert(2, "city", ["A", "B"] * 20)
    encoder = Encoder.fit(Table.from_frame(frame))
    assert encoder.columns == ("user", "item", "city")
    assert encoder.sizes == (5, 8, 2)


def test_a_missing_column_is_named(frame: pd.DataFrame) -> None:
    with pytest.raises(NaspError, match="no column 'item'"):
        Encoder.fit(Table.from_frame(frame)).positions(Table.from_frame(frame[["user", "rating"]]))
