"""Handling of repeated ratings of the same user, item and contexts."""

from dataclasses import replace
from typing import Literal

import numpy as np

from sif.data.store import BLOCK, Table

Repeats = Literal["last", "first", "mean", "sum", "max"]


def without_repeats(table: Table, repeats: Repeats = "last") -> Table:
    """Keep one rating of each combination of entities.

    Args:
        table: Ratings; they are not changed.
        repeats: Keep the last or the first rating, by time, then by row; or the last with the mean,
            sum or max of all as its value.
    """
    key = table.keys()
    ordered = np.sort(key)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    del ordered
    if not len(repeated):
        return table
    rows = np.concatenate(
        [
            start + _within(key[start : start + BLOCK], repeated)
            for start in range(0, len(key), BLOCK)
        ]
    )
    order = np.arange(len(rows))
    if (moments := table.moments) is not None:
        order = np.argsort(moments[rows], kind="stable")
    order = order[np.argsort(key[rows[order]], kind="stable")]
    ordered_rows = rows[order]
    last = np.append(np.diff(key[ordered_rows]) != 0, True)
    first = np.append(True, last[:-1])
    kept = ordered_rows[first if repeats == "first" else last]
    keep = np.ones(len(table), bool)
    keep[rows] = False
    keep[kept] = True
    if repeats not in ("last", "first"):
        starts = np.flatnonzero(first)
        ratings = table.ratings[ordered_rows].astype(np.float64)
        gathered = (np.maximum if repeats == "max" else np.add).reduceat(ratings, starts)
        if repeats == "mean":
            gathered /= np.diff(np.append(starts, len(ratings)))
        values = np.array(table.values)
        values[kept if table.rows is None else table.rows[kept]] = gathered
        table = replace(table, values=values)
    return table.take(np.flatnonzero(keep).astype(np.int32))


def _within(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the positions of keys that are in the sorted, non-empty `wanted`."""
    nearest = np.searchsorted(wanted, keys).clip(max=len(wanted) - 1)
    return np.flatnonzero(wanted[nearest] == keys)
