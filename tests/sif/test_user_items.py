"""Compressed rows of pairs, against sets of pairs."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sif.user_items import UserItems

SHAPE = (5, 4)
PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=30)


def made(pairs: list[tuple[int, int]]) -> UserItems:
    users, items = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T
    return UserItems.of(users, items, SHAPE)


def listed(pairs: UserItems) -> list[tuple[int, int]]:
    return list(zip(pairs.users().tolist(), pairs.items.tolist(), strict=True))


@given(PAIRS)
def test_rows_hold_each_pair_once(pairs: list[tuple[int, int]]) -> None:
    rows = made(pairs)
    assert listed(rows) == sorted(set(pairs))
    assert rows.shape == SHAPE
    assert rows.counts().tolist() == [sum(u == n for u, _ in set(pairs)) for n in range(5)]
    assert rows.popularity().tolist() == [sum(i == n for _, i in set(pairs)) for n in range(4)]


@given(PAIRS, st.lists(st.integers(0, 4), max_size=7))
def test_taken_rows_are_in_the_order_of_the_users(
    pairs: list[tuple[int, int]], users: list[int]
) -> None:
    taken = made(pairs).take(torch.tensor(users, dtype=torch.int64))
    expected = [(n, i) for n, user in enumerate(users) for u, i in sorted(set(pairs)) if u == user]
    assert listed(taken) == expected
    assert taken.shape == (len(users), 4)


@given(PAIRS, PAIRS)
def test_the_difference_is_that_of_sets(
    pairs: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    assert listed(made(pairs).without(made(others))) == sorted(set(pairs) - set(others))


def test_pairs_outside_of_the_catalogue_are_all_kept() -> None:
    outside = made([(1, -1), (0, 2), (1, -1), (1, 3), (1, 3)])
    assert listed(outside) == [(0, 2), (1, -1), (1, -1), (1, 3)]
    assert listed(outside.without(made([(0, 2)]))) == [(1, -1), (1, -1), (1, 3)]
    assert outside.popularity().tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("pair", [(5, 0), (-1, 0), (0, 4), (0, -2)])
def test_a_position_out_of_range(pair: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="must be at least"):
        made([pair])
