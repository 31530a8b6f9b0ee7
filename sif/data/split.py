"""Splits of ratings into training, validation and test ratings."""

import hashlib
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from nasp.errors import NaspError
from sif.data.ids import align_id_types
from sif.data.store import Table

SplitBy = Literal["random", "time", "user", "last"]


@dataclass(frozen=True)
class Splits:
    """Training, validation and test ratings with the same columns."""

    train: Table
    valid: Table
    test: Table

    def deviation(self) -> float:
        """Standard deviation of all ratings, in rating units; papers give RMSE in this unit."""
        parts = (self.train, self.valid, self.test)
        mean = mean_over(parts, lambda ratings: ratings)
        return math.sqrt(mean_over(parts, lambda ratings: np.square(ratings - mean)))

    def sha256(self) -> str:
        """Digest of the three parts, in hexadecimal."""
        digest = hashlib.sha256()
        for table in (self.train, self.valid, self.test):
            digest.update(repr((table.columns, [ids.to_list() for ids in table.ids])).encode())
            for block in table.blocks():
                for entity in range(len(table.columns)):
                    digest.update(block.code(entity).tobytes())
                digest.update(block.ratings.tobytes())
        return digest.hexdigest()


def mean_over(tables: Sequence[Table], of: Callable[[np.ndarray], np.ndarray]) -> float:
    """Return the mean of `of(ratings)` over all ratings, computed block by block."""
    sums = [of(b.ratings.astype(np.float64)).sum() for t in tables for b in t.blocks()]
    return float(sum(sums)) / sum(map(len, tables))


def split_ratings(
    ratings: Table | pd.DataFrame,
    *,
    by: SplitBy = "random",
    fractions: tuple[float, float, float] = (0.5, 0.25, 0.25),
    seed: int,
) -> Splits:
    """Split checked ratings into three.

    Args:
        ratings: Checked ratings.
        by: `random`; `time`: the oldest ratings for training, the newest for test; `user`: the
            fractions hold for each user, with at least one rating for training; `last`: the last
            rating of each user with three ratings or more for test and the one before for
            validation, by time if there are times, else by row. Ties are broken by row.
        fractions: Shares of training, validation and test ratings; positive, with sum 1.
        seed: Determines a split by `random` or `user`; the other splits do not depend on it.

    Raises:
        NaspError: `by` or `fractions` is invalid, a part would be empty, or there are no different
            times for a split by time.
    """
    if len(fractions) != 3 or min(fractions) <= 0 or not math.isclose(sum(fractions), 1):
        raise NaspError(f"fractions {fractions}: three positive numbers with sum 1 are needed")
    table = Table.from_frame(ratings)
    cuts = (fractions[0], fractions[0] + fractions[1])
    return Splits(*map(table.take, _parts(table, by, cuts, seed)))


def given_splits(
    train: Table,
    valid: Table | None,
    test: Table,
    *,
    by: SplitBy = "random",
    fraction: float = 0.25,
    seed: int,
) -> Splits:
    """Make splits of given tables.

    Args:
        train: Checked training ratings.
        valid: Checked validation ratings; None takes a part of `train`.
        test: Checked test ratings.
        by: How this part is chosen, see `split_ratings`: at random, the newest ratings, a share of
            each user's ratings, or each user's last one.
        fraction: Share of `train` for validation, between 0 and 1.
        seed: Determines a part chosen by `random` or `user`.

    Raises:
        NaspError: The columns differ, `fraction` is out of range, or a part would be empty.
    """
    for name, part in (("validation", valid), ("test", test)):
        if part is not None and part.columns != train.columns:
            ours, theirs = ", ".join(train.columns), ", ".join(part.columns)
            raise NaspError(f"{name} ratings have columns {theirs}, training ratings {ours}")
        if part is not None and not len(part):
            raise NaspError(f"there are no {name} ratings; give a table with some")
    if valid is None:
        train, test = align_id_types(train, test)
        elsewhere = {"test": test}
    else:
        train, valid, test = align_id_types(train, valid, test)
        elsewhere = {"validation": valid, "test": test}
    if valid is None:
        if not 0 < fraction < 1:
            raise NaspError(f"a share of {fraction} of training ratings: give one within 0 and 1")
        if by == "random":
            rest, drawn = reversed(_parts(train, by, (fraction,), seed))
        else:
            rest, drawn = _parts(train, by, (1 - fraction,), seed)
        train, valid = train.take(rest), train.take(drawn)
    for name, part in elsewhere.items():
        if shared := _shared(part, train):
            warnings.warn(f"{shared} {name} ratings are in training too", stacklevel=2)
    return Splits(train, valid, test)


def _parts(table: Table, by: SplitBy, cuts: tuple[float, ...], seed: int) -> Sequence[np.ndarray]:
    """Return the rows of each part, int32, in order of training, validation and test.

    Args:
        table: The ratings.
        by: See `split_ratings`.
        cuts: Shares of the ratings before the end of each part but the last one.
        seed: Determines a random order.
    """
    if by in ("user", "last"):
        return _by_user(table, by, cuts, seed)
    if by == "time":
        order = np.argsort(_times(table), kind="stable").astype(np.int32)
    elif by == "random":
        order = _shuffled(len(table), seed)
    else:
        raise NaspError(f"split by {by!r}: it is one of {', '.join(get_args(SplitBy))}")
    ends = [round(cut * len(table)) for cut in cuts]
    if min(np.diff([0, *ends, len(table)])) < 1:
        raise NaspError(f"{len(table)} ratings are too few for the fractions {_shares(cuts)}")
    return np.split(order, ends)


def _shares(cuts: tuple[float, ...]) -> str:
    return f"({', '.join(f'{share:g}' for share in np.diff([0, *cuts, 1]))})"


def _by_user(table: Table, by: str, cuts: tuple[float, ...], seed: int) -> list[np.ndarray]:
    """Return the rows of each part of a split of the ratings of each user; see `_parts`."""
    if by == "user":
        order = _shuffled(len(table), seed)
    elif (times := table.moments) is None:
        order = np.arange(len(table), dtype=np.int32)
    else:
        order = np.argsort(times, kind="stable").astype(np.int32)
    order = order[np.argsort(table.code(0)[order], kind="stable")]  # grouped by user
    users = table.code(0)[order]
    counts = np.bincount(users)
    rank = np.arange(len(users)) - (np.cumsum(counts) - counts)[users]
    part = np.zeros(len(users), np.int8)
    for number, cut in enumerate(cuts):
        if by == "user":
            end = np.maximum(1, np.round(cut * counts))
        else:
            end = np.where(counts > len(cuts), counts - len(cuts) + number, counts)
        part += rank >= end[users]
    parts = [np.sort(order[part == number]) for number in range(len(cuts) + 1)]
    if not all(map(len, parts)):
        raise NaspError(
            f"a split by {by!r} of {len(table)} ratings of {np.count_nonzero(counts)} users leaves "
            f"a part empty: users with {len(parts)} ratings or more are needed; or split by "
            "'random'"
        )
    return parts


def _times(table: Table) -> np.ndarray:
    if (times := table.moments) is None:
        raise NaspError(
            "a split by time needs a column of times; name it with --columns timestamp=NAME, "
            "or split by 'random'"
        )
    if times.min() == times.max():
        raise NaspError("all timestamps are equal, which gives no split by time; use 'random'")
    return times


def _shuffled(count: int, seed: int) -> np.ndarray:
    """Return the numbers below `count` in random order, int32."""
    order = np.arange(count, dtype=np.int32)
    np.random.default_rng(seed % 2**64).shuffle(order)
    return order


def _shared(part: Table, train: Table) -> int:
    """Count the ratings of `part` whose entities are those of a rating of `train`."""
    both = []
    for entity, (ours, theirs) in enumerate(zip(train.ids, part.ids, strict=True)):
        found = ours.get_indexer(theirs).astype(np.int32)[part.code(entity)]
        both.append(np.concatenate([train.code(entity), found]))
    seen = np.min(both, axis=0) >= 0
    keys = train.keys(tuple(codes[seen] for codes in both))
    return int(np.isin(keys[len(train) :], keys[: len(train)]).sum())
