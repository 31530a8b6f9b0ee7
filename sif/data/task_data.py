"""The data of a task: which task a table is for, and its rows as that task needs them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from nasp.errors import NaspError
from sif.data.encode import Encoder
from sif.data.features import Features
from sif.data.ids import joined_ids
from sif.data.side_table import SideTable
from sif.data.split import Splits
from sif.data.store import BLOCK, Spool, Table
from sif.data.time_bins import TimeBins

TaskName = Literal["rating", "ranking", "click"]


@dataclass(frozen=True)
class Sides:
    """What is known of ids and rows besides the ratings.

    Attributes:
        tables: The properties of users and of items, if there are any.
        feature_bins: Number of bins of numbers in these tables.
        time_bins: Number of bins of the rows' times; 0 for none.
    """

    tables: tuple[SideTable | None, SideTable | None] = (None, None)
    feature_bins: int = 16
    time_bins: int = 0

    def features(self, encoder: Encoder) -> tuple[Features | None, ...]:
        """Return the side features of each entity column's ids; None without a side table.

        Args:
            encoder: The ids of the rows that a model is trained on.

        Raises:
            NaspError: A side table has none of the ids, or no column that gives features.
        """
        tables = dict(zip(("user", "item"), self.tables, strict=True))
        return tuple(
            None
            if (table := tables.get(name)) is None
            else Features.fit(table, ids, name, self.feature_bins)
            for name, ids in zip(encoder.columns, encoder.ids, strict=True)
        )

    def with_ids(self, encoder: Encoder) -> Encoder:
        """Return the encoder with the ids of the side tables added, which may have no rows."""
        ids = (
            known
            if table is None
            else joined_ids(known, table.frame[table.id_column], table.source)
            for known, table in zip(encoder.ids, self.tables, strict=True)
        )
        return replace(encoder, ids=tuple(ids))

    def bins(self, train: Table) -> TimeBins | None:
        """Return the bins of times, fitted on training rows; None if there are none.

        Raises:
            NaspError: The rows have no times.
        """
        return TimeBins.fit(train, self.time_bins) if self.time_bins else None


@dataclass(frozen=True)
class TaskData:
    """What a task gets of its data.

    Attributes:
        task: `rating`: values are predicted; `ranking`: all rows are positives, and the items are
            ranked for each user; `click`: values are 1 (positive) and 0.
        splits: Training, validation and test rows.
        negatives: Number of negatives of each positive: for clicks, drawn already; for ranking, to
            be drawn in each batch. None leaves it to the data, or to the objective.
        sides: Properties of users and items, and bins of times.
    """

    task: TaskName
    splits: Splits
    negatives: int | None = None
    sides: Sides = Sides()

    def sha256(self) -> str:
        """Digest of all that a model learns from, in hexadecimal.

        That is the rows, the side tables and, if there are bins of times, the rows' times.
        """
        from nasp.files.digest import digest  # it imports torch, which `--help` can do without

        rows, sides = self.splits.sha256(), self.sides
        if sides == Sides():
            return rows
        parts = (self.splits.train, self.splits.valid, self.splits.test) if sides.time_bins else ()
        times = [None if (at := part.moments) is None else at.tobytes() for part in parts]
        return digest([rows, times, [table and table.hashed() for table in sides.tables]])


def find_task(train: Table) -> tuple[TaskName, str]:
    """Return the task that fits a training table, and the reason in words."""
    values = _few_values([train])
    if len(values) > 2:
        return "rating", "the training table has ratings of several values"
    if len(values) == 2:
        return "click", f"ratings have two values, {values[0]:g} and {values[1]:g} (positive)"
    return "ranking", "the training table has no ratings, or ratings of one value"


def positives(table: Table, least: float, source: str) -> Table:
    """Keep the rows whose rating is at least `least`.

    Args:
        table: The rows; they are not changed.
        least: The smallest rating of a positive, in the units of the file.
        source: The table's name, for messages.

    Raises:
        NaspError: No row is left.
    """
    bound = np.float32(np.log1p(least) if table.transform == "log" else least)
    kept = np.flatnonzero(table.ratings >= bound).astype(np.int32)
    if not len(kept):
        raise NaspError(
            f"{source}: no row has a rating of {least:g} or more: give a smaller positive_from"
        )
    return table.take(kept)


def as_clicks(tables: Sequence[Table], *, drawn: bool = False) -> list[Table]:
    """Replace the larger of two values by 1, and the other one by 0.

    Args:
        tables: All tables of a task; a table may have a single value.
        drawn: Whether negatives will be drawn, so that all rows may be positives.

    Raises:
        NaspError: The tables together have one value, without `drawn`, or more than two.
    """
    values = _few_values(tables)
    if len(values) > 2:
        raise NaspError(
            "task click needs ratings of two values, but there are several, "
            f"{', '.join(f'{v:g}' for v in values[:3])} for example: give --task rating, or --task "
            "ranking with --positive_from"
        )
    if len(values) == 1 and not drawn:
        raise NaspError(
            "task click needs ratings of two values, but there is one or no column of ratings: "
            "draw negatives, --negatives 2 for example, or give --task ranking"
        )
    return [_labelled(table, values[-1]) for table in tables]


def _few_values(tables: Sequence[Table]) -> np.ndarray:
    """Return the distinct ratings of tables, sorted; some of them if there are more than two."""
    found = np.empty(0, np.float32)
    for table in tables:
        for block in table.blocks():
            found = np.union1d(found, block.ratings)
            if len(found) > 2:
                return found
    return found


def _labelled(table: Table, positive: np.float32) -> Table:
    """Return a table with values of 1 in place of `positive`, and 0 elsewhere."""
    labels = Spool(np.float32)
    for start in range(0, len(table.values), BLOCK):
        labels.append(table.values[start : start + BLOCK] == positive)
    return replace(table, values=labels.finish(), transform="none")
