"""`Table`: ratings as columns of numbers, in memory or, if large, in temporary files."""

import mmap
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import IO, Literal, Self, cast

import numpy as np
import pandas as pd

from nasp.data.fetch import cache_folder
from nasp.errors import NaspError
from sif.data.columns import entity_columns

IN_MEMORY = 1 << 25  # largest size of a column in memory, in bytes
BLOCK = 1 << 20  # rows that are processed at once


class Spool:
    """A column that grows block by block, first in memory, then in a temporary file.

    The file has no name, if the system allows this, so it disappears when the process ends.

    Args:
        dtype: Type of the values.
    """

    def __init__(self, dtype: type[np.generic]) -> None:
        self.dtype = np.dtype(dtype)
        self.blocks: list[np.ndarray] = []
        self.bytes = 0
        self.file: IO[bytes] | None = None

    def append(self, values: np.ndarray) -> None:
        """Append values.

        Raises:
            NaspError: The cache cannot be written, or its disk is full.
        """
        block = np.ascontiguousarray(values, self.dtype)
        self.blocks.append(block)
        self.bytes += block.nbytes
        if self.file is not None or self.bytes > IN_MEMORY:
            self._spill()

    def finish(self) -> np.ndarray:
        """Return all values; from a file as a writable memory map."""
        if self.file is None:
            return np.concatenate([np.empty(0, self.dtype), *self.blocks])
        with self.file:  # the map does not need the open file
            return np.memmap(self.file, self.dtype, mode="r+")

    def _spill(self) -> None:
        folder = cache_folder()
        try:
            if self.file is None:
                folder.mkdir(parents=True, exist_ok=True)
                self.file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (lives on)
            for block in self.blocks:
                self.file.write(block.data)
            self.file.flush()
        except OSError as error:
            raise NaspError(
                f"{folder}: a large table needs temporary files there ({error.strerror}); "
                "make room, or set XDG_CACHE_HOME to a folder on another disk"
            ) from error
        self.blocks.clear()


@dataclass(frozen=True, eq=False)
class Table:
    """Checked ratings, or a part of them.

    Attributes:
        columns: The entity columns: user, item, then the contexts.
        ids: Each entity column's ids, sorted.
        codes: Positions of the ratings' ids in `ids`, int32 `(stored,)`, for each entity column.
        values: The ratings, float32 `(stored,)`.
        times: Times as in the table, or microseconds of UTC, float64 `(stored,)`.
        dated: Whether `times` are microseconds.
        transform: Transform of the ratings, see `sif.data.check_frame`.
        rows: Positions of these ratings among the stored ones, int32 `(ratings,)`; None for all.
    """

    columns: tuple[str, ...]
    ids: tuple[pd.Index, ...]
    codes: tuple[np.ndarray, ...]
    values: np.ndarray
    times: np.ndarray | None = None
    dated: bool = False
    transform: Literal["none", "log"] = "none"
    rows: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.values if self.rows is None else self.rows)

    @classmethod
    def from_frame(cls, ratings: Self | pd.DataFrame) -> Self:
        """Make a table from a checked frame like that of `frame`; return a table unchanged."""
        if isinstance(ratings, cls):
            return ratings
        frame = cast(pd.DataFrame, ratings)
        columns = entity_columns(frame)
        ids = tuple(pd.Index(frame[name].unique()).sort_values() for name in columns)
        codes = tuple(
            known.get_indexer(pd.Index(frame[name])).astype(np.int32)
            for name, known in zip(columns, ids, strict=True)
        )
        times = frame.get("timestamp")
        dated = times is not None and not pd.api.types.is_numeric_dtype(times.dtype)
        if times is not None and dated:
            times = times.dt.tz_localize(None).astype("datetime64[us]").astype(np.int64)
        return cls(
            columns,
            ids,
            codes,
            frame["rating"].to_numpy(np.float32),
            None if times is None else times.to_numpy(np.float64),
            dated,
        )

    def take(self, rows: np.ndarray) -> Self:
        """Return the ratings at `rows`, in that order, without copying ratings."""
        return replace(self, rows=rows if self.rows is None else self.rows[rows])

    def joined(self, other: Self) -> Self:
        """Return these ratings and then those of another table with the same columns.

        Parts of one table are joined without copying ratings.
        """
        if self.values is other.values and self.rows is not None and other.rows is not None:
            return replace(self, rows=np.concatenate([self.rows, other.rows]))
        ids = tuple(map(pd.Index.union, self.ids, other.ids))
        codes = tuple(
            np.concatenate(
                [
                    known.get_indexer(table.ids[entity]).astype(np.int32)[table.code(entity)]
                    for table in (self, other)
                ]
            )
            for entity, known in enumerate(ids)
        )
        times = None
        if (first := self.moments) is not None and (second := other.moments) is not None:
            times = np.concatenate([first, second])
        values = np.concatenate([self.ratings, other.ratings])
        return replace(self, ids=ids, codes=codes, values=values, times=times, rows=None)

    def code(self, entity: int) -> np.ndarray:
        """Return the positions of the ratings' ids of an entity, int32 `(ratings,)`."""
        return self._of(self.codes[entity])

    @property
    def ratings(self) -> np.ndarray:
        """The ratings, float32 `(ratings,)`."""
        return self._of(self.values)

    @property
    def moments(self) -> np.ndarray | None:
        """The times of the ratings, float64 `(ratings,)`."""
        return None if self.times is None else self._of(self.times)

    def release_memory(self) -> None:
        """Release the memory of columns in files, which are read again when they are used."""
        for column in (*self.codes, self.values, self.times):
            file = column.base if isinstance(column, np.memmap) else None
            if isinstance(file, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
                file.madvise(mmap.MADV_DONTNEED)

    def frame(self) -> pd.DataFrame:
        """Return a frame with the entity columns, `rating` and, if there are times, `timestamp`."""
        columns = {
            name: ids.take(self.code(entity))
            for entity, (name, ids) in enumerate(zip(self.columns, self.ids, strict=True))
        }
        frame = pd.DataFrame(columns).assign(rating=self.ratings.astype(np.float64))
        if (moments := self.moments) is not None:
            if self.dated:
                frame["timestamp"] = pd.to_datetime(moments.astype(np.int64), unit="us", utc=True)
            else:
                whole = bool(np.all(moments == np.floor(moments)))
                frame["timestamp"] = moments.astype(np.int64) if whole else moments
        return frame

    def blocks(self) -> Iterator[Self]:
        """Yield the ratings in order, in parts of `BLOCK`."""
        for start in range(0, len(self), BLOCK):
            stop = min(start + BLOCK, len(self))
            yield self.take(np.arange(start, stop, dtype=np.int32))

    def keys(self, codes: tuple[np.ndarray, ...] | None = None) -> np.ndarray:
        """Return a number for each rating that identifies its entities, int64 `(ratings,)`.

        Args:
            codes: Positions in `ids`; None for those of the ratings.
        """
        first, *others = codes or tuple(map(self.code, range(len(self.columns))))
        key, size = first.astype(np.int64), len(self.ids[0])
        for code, ids in zip(others, self.ids[1:], strict=True):
            if size * len(ids) >= 2**63:  # would overflow: renumber the existing keys
                distinct, key = np.unique(key, return_inverse=True)
                size = len(distinct)
            key *= len(ids)
            key += code
            size *= len(ids)
        return key

    def _of(self, column: np.ndarray) -> np.ndarray:
        return column if self.rows is None else column[self.rows]
