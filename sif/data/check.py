"""Checks of rating tables before training."""

import warnings
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from nasp.errors import NaspError
from sif.data.columns import Columns, find_columns, resolve_numbers
from sif.data.faults import place, shown
from sif.data.id_numbering import IdNumbering
from sif.data.layout import Reading
from sif.data.numbers import check_ratings, read_ratings
from sif.data.repeats import without_repeats
from sif.data.store import BLOCK, Spool, Table
from sif.data.times import Times

MIN_ROWS = 10

Transform = Literal["none", "log"]


def check_frame(
    frame: pd.DataFrame,
    source: str = "the table given",
    columns: Columns | None = None,
    transform: Transform = "none",
    *,
    evaluation_only: bool = False,
    pairs: bool = False,
) -> Table:
    """Check the ratings of a frame, and return them as a table.

    Args:
        frame: One row per rating; it is not changed. Messages name rows by the frame's index.
        source: The table's name, for messages.
        columns: The table's column names, if they are not the usual ones, and the contexts.
        transform: Transform of each rating r; `log` gives log(1 + r).
        evaluation_only: No model is trained on the ratings, so a few ratings are enough, of one
            user or one value too.
        pairs: Whether all ratings may be equal, and their column may be missing: then the rows are
            pairs of a user and an item, and all values are 1.

    Returns:
        The ratings. Of repeated ratings of a pair, the last one is kept, with a warning.

    Raises:
        NaspError: A column or a value is missing or not a number, or there are too few rows,
            users or items, or all ratings are equal and may not be.
    """
    frame = frame.rename(columns=str)
    names = list(frame.columns)
    columns = resolve_numbers(columns or Columns(), names)
    found = find_columns(names, columns, source, pairs=pairs)
    check = Check(source, columns, found, transform, evaluation_only=evaluation_only, pairs=pairs)
    check.add(frame)
    table = check.finish()
    for note in check.notes:
        warnings.warn(f"{source}: {note}", stacklevel=2)
    return table


class Check:
    """Checks a table block by block, and collects it.

    Args:
        source: The table's name, for messages.
        columns: The user's names of the columns.
        found: The table's name of each canonical column.
        transform: Transform of each rating.
        text: Ids come from a text file, where `12` may be a number.
        reading: Ratings to drop, and the handling of repeats.
        timed: Whether times are required.
        evaluation_only: See `check_frame`.
        pairs: See `check_frame`.

    Attributes:
        notes: Messages on dropped or changed values; complete after `finish`.
        span: The smallest and the largest rating before the transform; set by `finish`.
    """

    def __init__(
        self,
        source: str,
        columns: Columns,
        found: dict[str, str],
        transform: Transform = "none",
        text: bool = False,
        reading: Reading | None = None,
        timed: bool = False,
        evaluation_only: bool = False,
        pairs: bool = False,
    ) -> None:
        self.source, self.columns, self.found = source, columns, found
        self.transform, self.reading = transform, reading or Reading()
        self.evaluation_only, self.pairs = evaluation_only, pairs
        self.vocabularies = {
            name: IdNumbering(f"{source}, column {found[name]}", text) for name in columns.entities
        }
        self.ratings = Spool(np.float32)
        self.times = Spool(np.float64) if "timestamp" in found else None
        self.clock = Times()
        self.must_have_times = timed or columns.timestamp is not None
        self.notes: list[str] = []
        self.span = (0.0, 0.0)
        self.dropped = 0

    def add(self, frame: pd.DataFrame) -> None:
        """Check a block of rows, and collect it.

        Raises:
            NaspError: A value is wrong; the message names the first one, and counts all of the
                block.
        """
        if self.rated:
            ratings = read_ratings(frame[self.found["rating"]], self.source)
            if self.reading.drop_ratings:
                kept = ~ratings.isin(self.reading.drop_ratings).to_numpy()
                self.dropped += len(frame) - int(kept.sum())
                frame, ratings = frame[kept], ratings[kept]
            column = frame[self.found["rating"]]
            check_ratings(ratings, column, self.source, log=self.transform == "log")
        else:
            ratings = pd.Series(1.0, frame.index)
        if frame.empty:
            return
        for name, vocabulary in self.vocabularies.items():
            vocabulary.append(self._ids(frame[self.found[name]]))
        self.ratings.append(ratings.to_numpy())
        if self.times is not None:
            self._add_times(frame[self.found["timestamp"]])

    def finish(self) -> Table:
        """Return the whole table, without repeated ratings.

        Raises:
            NaspError: There are too few ratings, users or items, or all ratings are equal and may
                not be.
        """
        ids, codes = zip(*(v.finish() for v in self.vocabularies.values()), strict=True)
        times = None if self.times is None else self.times.finish()
        for name, known in zip(self.columns.entities, ids, strict=True):
            if known.dtype.kind == "O" and (broken := int(known.str.contains("\n").sum())):
                self.notes.append(
                    f"{broken} ids of column {self.found[name]} hold a line break (a quote that "
                    "is not closed?)"
                )
        dated = bool(self.clock.dated)
        table = Table(self.columns.entities, ids, codes, self.ratings.finish(), times, dated)
        kept = without_repeats(table, self.reading.repeats)
        if self.dropped:
            values = " or ".join(f"{value:g}" for value in self.reading.drop_ratings)
            self.notes.append(f"{self.dropped:,} ratings of {values} dropped")
        self._check_enough(kept)
        if len(kept) < len(table):
            verb = "rate" if self.rated else "name"
            self.notes.append(
                f"{len(table) - len(kept)} of {len(table)} rows {verb} the same "
                f"{' and '.join(table.columns)} again; {_KEPT[self.reading.repeats]}"
            )
        if self.transform == "log":
            for start in range(0, len(kept.values), BLOCK):
                block = kept.values[start : start + BLOCK]
                block[:] = np.log1p(block.astype(np.float64))
        return replace(kept, transform=self.transform)

    @property
    def rated(self) -> bool:
        """Whether the table has a column of ratings."""
        return "rating" in self.found

    def _ids(self, column: pd.Series) -> pd.Series:
        """Check that no id is missing, and return the ids."""
        missing = column.isna()
        if missing.any():
            raise NaspError(
                f"{place(self.source, column, missing)}: no id; "
                f"fill in or remove the {missing.sum()} rows without one"
            )
        return column

    def _add_times(self, column: pd.Series) -> None:
        """Collect times. A column of other values is left out, unless times are required."""
        assert self.times is not None
        first = self.clock.dated is None
        times, wrong, reason = self.clock.read(column)
        if not wrong.any():
            self.times.append(times)
            return
        fault = f"{place(self.source, column, wrong)}: {reason}: {shown(column, wrong)}"
        if self.must_have_times:
            raise NaspError(
                f"{fault}; correct it, or name another column, --columns timestamp=NAME"
            )
        if not (first and wrong.all()):  # otherwise the column does not hold times
            self.notes.append(f"no times: {fault.removeprefix(f'{self.source}, ')}")
        self.times = None

    def _check_enough(self, table: Table) -> None:
        source = self.source
        if not len(table):
            dropped = f" ({self.notes[-1]})" if self.dropped else ""
            raise NaspError(f"{source} holds no ratings{dropped}; it needs a row for each")
        spans = [(part.ratings.min(), part.ratings.max()) for part in table.blocks()]
        lowest, highest = zip(*spans, strict=True)
        self.span = float(min(lowest)), float(max(highest))
        if self.evaluation_only:
            return
        if len(table) < MIN_ROWS:
            raise NaspError(f"{source}: {len(table)} ratings; at least {MIN_ROWS} are needed")
        for name, ids in zip(table.columns[:2], table.ids, strict=False):
            if len(ids) < 2:
                raise NaspError(
                    f"{source}: all ratings are of one {name} ({ids[0]}); two are needed"
                )
        if self.span[0] == self.span[1] and not self.pairs:
            raise NaspError(
                f"{source}: all ratings are {self.span[0]:g}; there is nothing to learn from them"
            )


_KEPT = {
    "last": "the last of each is kept",
    "first": "the first of each is kept",
    "mean": "their mean is kept",
    "sum": "their sum is kept",
    "max": "the largest of each is kept",
}
