"""Negatives are items that the user never used, drawn as promised."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nasp.errors import NaspError
from sif.config import DataOptions
from sif.data import Splits, Table
from sif.data.negatives import NegativeSampler, with_negatives

USERS, ITEMS = 6, 10
# User u used the items below 2u, so user 0 used none and user 5 used all.
PAIRS = torch.tensor([(user, item) for user in range(USERS) for item in range(2 * user)]).T


def sample(
    users: list[int], count: int, popularity: float = 0.0, pairs: torch.Tensor = PAIRS
) -> torch.Tensor:
    sampler = NegativeSampler(pairs, USERS, ITEMS, popularity)
    return sampler.sample(torch.tensor(users), count, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("popularity", [0.0, 0.75])
def test_items_are_drawn_from_those_that_the_user_did_not_use(popularity: float) -> None:
    users = [4, 0, 1, 2, 3, 4]
    items = sample(users, 500, popularity, torch.cat([PAIRS, PAIRS.flip(1)], dim=1))
    assert items.shape == (6, 500)
    for user, drawn in zip(users, items, strict=True):
        expected = set(range(2 * user, 10)) - ({8, 9} if popularity and user < 4 else set())
        # Items 8 and 9 are used by user 5 only, so they are rare, but possible.
        assert expected <= set(drawn.tolist()) <= set(range(2 * user, 10))
    assert torch.equal(items, sample(users, 500, popularity))


def test_even_draws_are_even() -> None:
    for user in range(5):
        counts = torch.bincount(sample([user], 20_000).flatten(), minlength=ITEMS)[2 * user :]
        assert counts.min() > 0.9 * counts.float().mean()
        assert counts.max() < 1.1 * counts.float().mean()


def test_draws_by_popularity_have_the_shares_of_the_power() -> None:
    counts = torch.bincount(sample([2], 40_000, 0.75).flatten(), minlength=ITEMS)
    expected = torch.bincount(PAIRS[1], minlength=ITEMS).float().pow(0.75)
    expected[:4] = 0  # known
    # A few of the items are drawn evenly, after the rounds of rejected draws.
    assert (counts / counts.sum() - expected / expected.sum()).abs().max() < 0.02


def test_a_user_of_all_items_gets_any() -> None:
    sampler = NegativeSampler(PAIRS, USERS, ITEMS)
    assert sampler.unused.tolist() == [10, 8, 6, 4, 2, 0]
    assert set(sample([5], 500).flatten().tolist()) == set(range(ITEMS))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=60))
@settings(max_examples=50, deadline=None)
def test_the_search_for_an_unused_item_is_exact(known: list[tuple[int, int]]) -> None:
    pairs = torch.tensor(known, dtype=torch.int64).view(-1, 2).T
    sampler = NegativeSampler(pairs, 4, 5)
    users = torch.arange(4).repeat_interleave(200)
    drawn = sampler._unused(users, torch.Generator().manual_seed(1)).view(4, 200)
    for user in range(4):
        free = {item for item in range(5) if (user, item) not in known} or set(range(5))
        assert set(drawn[user].tolist()) == free
        assert sampler.unused[user] == len({i for i in range(5) if (user, i) not in known})


def clicks(rows: int, seed: int = 0) -> pd.DataFrame:
    """Positives of 8 users and 12 items; user 0 used all items."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"user": random.integers(1, 8, rows), "item": random.integers(0, 12, rows)}
    )
    frame = pd.concat([frame, pd.DataFrame({"user": 0, "item": range(12)})]).drop_duplicates()
    frame = frame.sample(frac=1, random_state=seed)
    moods = random.choice(["good", "bad"], len(frame))
    return frame.assign(mood=moods, rating=1.0, timestamp=np.arange(len(frame)))


def split(frame: pd.DataFrame) -> Splits:
    columns = ["user", "item", "mood", "rating", "timestamp"]
    table = Table.from_frame(frame[columns])
    return Splits(*(table.take(rows) for rows in np.array_split(np.arange(len(table)), 3)))


def test_negatives_keep_user_contexts_and_time() -> None:
    parts = split(clicks(40))
    drawn, said = with_negatives(parts, 3, seed=5)
    whole = pd.concat(part.frame() for part in (parts.train, parts.valid, parts.test))
    used = set(zip(whole["user"], whole["item"], strict=True))
    for before, after in zip(vars(parts).values(), vars(drawn).values(), strict=True):
        frame = after.frame()
        positives, negatives = frame[: len(before)], frame[len(before) :]
        pd.testing.assert_frame_equal(positives, before.frame())
        assert set(negatives["rating"]) == {0.0}
        assert not used & set(zip(negatives["user"], negatives["item"], strict=True))
        able = positives[positives["user"] != 0]
        kept = ["user", "mood", "timestamp"]
        repeated = able.loc[able.index.repeat(3), kept].reset_index(drop=True)
        pd.testing.assert_frame_equal(negatives[kept].reset_index(drop=True), repeated)
    assert said.startswith("negatives drawn anew, 3 of each positive, seed 5: ")
    full = int((parts.train.frame()["user"] == 0).sum())
    count = 3 * (len(parts.train) - full)
    assert f"{count} for training (none for {full} positives of users who used all" in said


def test_the_seed_decides() -> None:
    first, again, other = (with_negatives(split(clicks(40)), 2, seed)[0] for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first.train.frame(), again.train.frame())
    assert not first.train.frame()["item"].equals(other.train.frame()["item"])


def test_blocks_change_nothing_but_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = with_negatives(split(clicks(40)), 2, seed=1)[0].train.frame()
    for module in ("store", "negatives"):
        monkeypatch.setattr(f"sif.data.{module}.BLOCK", 7)
    parts = with_negatives(split(clicks(40)), 2, seed=1)[0].train.frame()
    pd.testing.assert_frame_equal(parts.drop(columns="item"), whole.drop(columns="item"))


@pytest.mark.filterwarnings("ignore:(test|validation) ratings, column")
def test_given_negatives_are_kept(tmp_path: Path) -> None:
    frame = clicks(60)
    train, test = frame[:30], frame[30:].assign(rating=np.resize([-1, 1], len(frame) - 30))
    train.drop(columns="rating").to_csv(tmp_path / "train.csv", index=False)
    test.to_csv(tmp_path / "test.csv", index=False)
    said: list[str] = []
    options = DataOptions(
        data=str(tmp_path / "train.csv"),
        test_data=tmp_path / "test.csv",
        columns="context=mood",
        task="click",
        negatives=2,
    )
    with pytest.raises(NaspError, match="there is one or no column of ratings: draw"):
        DataOptions(data=options.data, columns="context=mood", task="click").task_data(1)
    data = options.task_data(1, said.append)
    assert data.negatives == 2
    assert data.splits.test.ratings.tolist() == (test["rating"] > 0).tolist()
    assert data.splits.train.ratings.mean() < 0.5
    assert "for training" in said[-1]
    assert "for validation" in said[-1]
    assert "test" not in said[-1]
    used = test[test["rating"] > 0]
    negatives = data.splits.train.frame().query("rating == 0")
    pairs = set(zip(negatives["user"], negatives["item"], strict=True))
    assert not pairs & set(zip(used["user"], used["item"], strict=True))


def test_negatives_that_are_not_wanted(tmp_path: Path) -> None:
    frame = clicks(60)
    frame.assign(rating=np.resize([0, 1], len(frame))).to_csv(tmp_path / "a.csv", index=False)
    options = DataOptions(data=str(tmp_path / "a.csv"), negatives=2)
    with pytest.raises(NaspError, match="have negatives of their own: leave the option out"):
        options.task_data(1)
    frame.assign(rating=np.resize([1, 2, 3], len(frame))).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(NaspError, match="negatives are for ranking and click, not for rating"):
        options.task_data(1)
    with pytest.raises(NaspError, match="negatives is 0; it must be above 0"):
        DataOptions(data=options.data, negatives=0).task_data(1)
