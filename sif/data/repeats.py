"""Ratings of one and the same user and item, and contexts where there are any."""

import numpy as np

from sif.data.store import BLOCK, Table


def without_repeats(table: Table) -> Table:
    """Keep the last rating of each combination of entities, by time, then by row."""
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
    last = np.append(np.diff(key[rows[order]]) != 0, True)
    keep = np.ones(len(table), bool)
    keep[rows] = False
    keep[rows[order[last]]] = True
    return table.take(np.flatnonzero(keep).astype(np.int32))


def _within(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Positions of the keys that are among the sorted `wanted`, of which there is one at least."""
    nearest = np.searchsorted(wanted, keys).clip(max=len(wanted) - 1)
    return np.flatnonzero(wanted[nearest] == keys)
