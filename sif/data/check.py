"""What every table of ratings must satisfy before anything is trained on it."""

import warnings
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from nasp.core.errors import NaspError
from sif.data.columns import Columns, find_columns
from sif.data.repeats import without_repeats
from sif.data.store import Spool, Table
from sif.data.vocabulary import Vocabulary

MIN_ROWS = 10

Transform = Literal["none", "log"]


def check_frame(
    frame: pd.DataFrame,
    source: str = "the table given",
    columns: Columns | None = None,
    transform: Transform = "none",
) -> Table:
    """Return the ratings of a frame, or say what is wrong with them.

    Args:
        frame: One row per rating; left as it is. Messages name rows by its index.
        source: The table's name, for messages.
        columns: The table's column names where they are not the usual ones, and the contexts.
        transform: What becomes of each rating r: `log` makes it log(1 + r).

    Returns:
        The ratings. Of those of one and the same pair the latest is kept, with a warning.

    Raises:
        NaspError: A column or a value is missing or not a number, or there are too few rows,
            users or items, or all ratings are equal.
    """
    columns = columns or Columns()
    frame = frame.rename(columns=str)
    found = find_columns(list(frame.columns), columns, source)
    check = Check(source, columns, found, transform)
    check.add(frame)
    return check.finish()


class Check:
    """Checks a table block by block, and gathers it.

    Args:
        source: The table's name, for messages.
        columns: What the user said about its columns.
        found: The table's name of each canonical column.
        transform: What becomes of each rating.
        text: Ids come from a text file, where `12` may be a number.
    """

    def __init__(
        self,
        source: str,
        columns: Columns,
        found: dict[str, str],
        transform: Transform = "none",
        text: bool = False,
    ) -> None:
        self.source, self.columns, self.found = source, columns, found
        self.transform = transform
        self.vocabularies = {
            name: Vocabulary(f"{source}, column {found[name]}", text) for name in columns.entities
        }
        self.ratings = Spool(np.float32)
        self.times = Spool(np.float64) if "timestamp" in found else None
        self.dated: bool | None = None

    def add(self, frame: pd.DataFrame) -> None:
        """Check and gather a block of rows.

        Raises:
            NaspError: A value is wrong; the message names the first, and counts those of the block.
        """
        if frame.empty:
            return
        for name, vocabulary in self.vocabularies.items():
            vocabulary.append(self._ids(frame[self.found[name]]))
        self.ratings.append(self._ratings(frame[self.found["rating"]]))
        if self.times is not None:
            self._add_times(frame[self.found["timestamp"]])

    def finish(self) -> Table:
        """The whole table, without repeated ratings.

        Raises:
            NaspError: There are too few ratings, users or items, or all ratings are equal.
        """
        ids, codes = zip(*(v.finish() for v in self.vocabularies.values()), strict=True)
        times = None if self.times is None else self.times.finish()
        table = Table(
            self.columns.entities, ids, codes, self.ratings.finish(), times, bool(self.dated)
        )
        kept = without_repeats(table)
        if len(kept) < len(table):
            warnings.warn(
                f"{self.source}: {len(table) - len(kept)} of {len(table)} rows rate the same "
                f"{' and '.join(table.columns)} again; the last of each is kept",
                stacklevel=3,
            )
        self._check_enough(kept)
        return kept

    def _place(self, column: pd.Series, wrong: pd.Series) -> str:
        """Name the first wrong value's place in the table."""
        row = column.index[int(np.argmax(wrong))]
        return f"{self.source}, {column.index.name or 'row'} {row}, column {column.name}"

    def _ids(self, column: pd.Series) -> pd.Series:
        """Return ids, of which none is missing."""
        missing = column.isna()
        if missing.any():
            raise NaspError(
                f"{self._place(column, missing)}: no id; "
                f"fill in or remove the {missing.sum()} rows without one"
            )
        return column

    def _ratings(self, column: pd.Series) -> np.ndarray:
        """Return the ratings as they will be used, float64 `(rows,)`."""
        numbers = _numbers(column)
        text = numbers.isna() & column.notna()
        if text.any():
            value = str(column.iloc[int(np.argmax(text))])[:40]
            raise NaspError(
                f"{self._place(column, text)}: {value!r} is not a number; "
                "correct it, or name the column of ratings with --columns rating=NAME"
            )
        wrong = ~numbers.abs().le(float(np.finfo(np.float32).max))
        if wrong.any():
            raise NaspError(
                f"{self._place(column, wrong)}: the rating is missing or infinite; "
                f"fill in or remove the {wrong.sum()} rows of this kind"
            )
        if self.transform == "log":
            if (below := numbers < 0).any():
                value = numbers.iloc[int(np.argmax(below))]
                raise NaspError(
                    f"{self._place(column, below)}: no logarithm of {value:g}; "
                    "use --rating_transform none"
                )
            numbers = np.log1p(numbers)
        return np.asarray(numbers)

    def _add_times(self, column: pd.Series) -> None:
        """Gather times; without a column of that name given, one that holds none is left out."""
        times, dated = _times(column)
        wrong = ~times.abs().lt(np.inf) | (self.dated not in (None, dated))
        if wrong.any():
            if self.columns.timestamp is not None:
                raise NaspError(
                    f"{self._place(column, wrong)}: neither a number nor an ISO date; "
                    "correct it or leave timestamp out of --columns"
                )
            self.times = None
            return
        self.dated = dated
        assert self.times is not None
        self.times.append(times.to_numpy())

    def _check_enough(self, table: Table) -> None:
        source = self.source
        if not len(table):
            raise NaspError(f"{source} holds no ratings; it needs a row for each")
        if len(table) < MIN_ROWS:
            raise NaspError(f"{source}: {len(table)} ratings; at least {MIN_ROWS} are needed")
        for name, ids in zip(table.columns[:2], table.ids, strict=False):
            if len(ids) < 2:
                raise NaspError(
                    f"{source}: all ratings are of one {name} ({ids[0]}); two are needed"
                )
        if _all_equal(table):
            only = next(table.blocks()).ratings[0]
            raise NaspError(
                f"{source}: all ratings are {only:g}; there is nothing to learn from them"
            )


def _numbers(column: pd.Series) -> pd.Series:
    """Return float64, missing where the column holds no number."""
    if isinstance(column.dtype, pd.StringDtype):
        try:  # much faster than pandas, which is left to find the place of a fault
            text = pc.utf8_trim_whitespace(pa.array(column))
            return pd.Series(pc.cast(text, pa.float64()).to_pandas()).set_axis(column.index)
        except pa.ArrowInvalid:
            pass
    return pd.to_numeric(column, errors="coerce").astype(np.float64)


def _times(column: pd.Series) -> tuple[pd.Series, bool]:
    """Return float64, numbers or microseconds of UTC, missing where there are neither; and which.

    Times are exact to the microsecond until the year 2255, numbers to 2⁵³.
    """
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype(np.float64), False
    if isinstance(column.dtype, pd.StringDtype):
        numbers = _numbers(column)
        if numbers.notna().any():
            return numbers, False
    dates = pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601")
    micros = dates.dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.float64)
    return pd.Series(micros, index=column.index).mask(dates.isna()), True


def _all_equal(table: Table) -> bool:
    blocks = (part.ratings for part in table.blocks())
    spans = [(block.min(), block.max()) for block in blocks]
    return bool(min(low for low, _ in spans) == max(high for _, high in spans))
