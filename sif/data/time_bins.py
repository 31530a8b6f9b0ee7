"""Bins of the times of ratings."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from nasp.errors import NaspError
from sif.data.numbers import quantile_edges
from sif.data.store import Table


@dataclass(frozen=True)
class TimeBins:
    """Bins of times with about as many training rows in each.

    Attributes:
        edges: Times at which the second bin and those after it begin, increasing.
        dated: Whether times are microseconds of dates, see `Table`.
    """

    edges: tuple[float, ...]
    dated: bool = False

    def __len__(self) -> int:
        return len(self.edges) + 1

    @classmethod
    def fit(cls, train: Table, count: int) -> Self:
        """Make at most `count` bins, whose edges are quantiles of training times.

        Raises:
            NaspError: The rows have no times, or one time only.
        """
        edges = quantile_edges(_times(train), count)
        if not edges:
            raise NaspError("time_bins: all times are equal, or one bin is asked for: give 0")
        return cls(edges, train.dated)

    def codes(self, table: Table) -> np.ndarray:
        """Return the bin of each row, int32 `(rows,)`; times outside of training's are in the ends.

        Raises:
            NaspError: The rows have no times, or times of another kind.
        """
        return self.of(_times(table), table.dated)

    def of(self, times: np.ndarray, dated: bool) -> np.ndarray:
        """Return the bin of each time, int32 `(times,)`; see `codes`.

        Args:
            times: The times, `(times,)`.
            dated: Whether they are microseconds of dates.
        """
        if dated != self.dated:
            kinds = {True: "dates", False: "numbers"}
            raise NaspError(
                f"times are {kinds[dated]}, but {kinds[self.dated]} in training: write both alike"
            )
        return np.searchsorted(self.edges, times, side="right").astype(np.int32)


def _times(table: Table) -> np.ndarray:
    if (times := table.moments) is None:
        raise NaspError(
            "time_bins needs a column of times; name it with --columns timestamp=NAME, or give 0"
        )
    return times
