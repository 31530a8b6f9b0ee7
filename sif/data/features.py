"""`Features`: the side features of the users or items of training, as a sparse matrix."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import scipy.sparse

from nasp.errors import NaspError
from sif.data.feature_columns import FeatureColumn, FoundColumns, find_feature_columns
from sif.data.ids import find_ids
from sif.data.side_table import SideTable


@dataclass(frozen=True, eq=False)
class Features:
    """Side features of the ids of one entity.

    Attributes:
        columns: The columns of the side table that give features, and their values.
        matrix: Compressed rows, float32 `(ids, features)`, in the order of the training ids. Each
            column of the table gives a row 1/√n for each of its n values. Ids without a row in the
            table have no features.
        titles: The title or name of each id, for display, object `(ids,)`, empty if it is missing;
            None if the table has none.
        note: What was understood of the table, in words.
    """

    columns: tuple[FeatureColumn, ...]
    matrix: scipy.sparse.csr_array
    titles: np.ndarray | None = None
    note: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each feature, `occupation=student`, `(features,)`."""
        return tuple(name for column in self.columns for name in column.names)

    def entries(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return row, column (int64) and value of each entry of the matrix, `(entries,)` each."""
        matrix = self.matrix.tocoo()
        row, column = (part.astype(np.int64) for part in matrix.coords)
        return row, column, matrix.data

    @classmethod
    def fit(cls, table: SideTable, ids: pd.Index, role: str, bins: int = 16) -> Self:
        """Find the features of a side table.

        Args:
            table: The side table.
            ids: The sorted ids of training, whose rows alone decide on values and bins.
            role: `user` or `item`, for messages.
            bins: Number of bins of numbers.

        Raises:
            NaspError: The table has no id of training, or no column that gives features.
        """
        column = table.frame[table.id_column]
        positions = find_ids(column, ids, f"{table.source}, column {table.id_column}")
        known = positions >= 0
        if not known.any():
            raise NaspError(
                f"{table.source}, column {table.id_column}: no id is one of training; "
                f"{column.iloc[0]} for example looks different from {ids[0]}: check the column"
            )
        frame = table.frame[known].drop(columns=table.id_column)
        found = find_feature_columns(frame, bins, table.header)
        if not found.features:
            reasons = ", ".join(f"{name} ({why})" for name, why in found.left_out.items())
            raise NaspError(
                f"{table.source}: no column gives features: {reasons or 'there is none but the id'}"
            )
        at = positions[known]
        titles = None
        if found.title is not None:
            titles = np.full(len(ids), "", object)
            titles[at] = frame[found.title].fillna("").astype("str").to_numpy()
        matrix = feature_matrix(found.features, frame, at, len(ids))
        note = _note(table, role, found, len(at), len(ids))
        return cls(found.features, matrix, titles, note)

    def encode(self, frame: pd.DataFrame) -> scipy.sparse.csr_array:
        """Return the features of further rows with the table's columns, `(rows, features)`.

        Values that no training id has are left out.
        """
        return feature_matrix(self.columns, frame, np.arange(len(frame)), len(frame))


def feature_matrix(
    columns: Sequence[FeatureColumn], frame: pd.DataFrame, at: np.ndarray, rows: int
) -> scipy.sparse.csr_array:
    """Return the features of a table's rows, see `Features.matrix`.

    Args:
        columns: The columns that give features.
        frame: A table with these columns.
        at: The row of the matrix for each row of the table, `(table rows,)`.
        rows: Number of rows of the matrix.
    """
    places, features, weights = [], [], []
    start = 0
    for column in columns:
        read = column.read(frame)
        feature = pd.Index(column.values).get_indexer(pd.Index(read["value"]))
        row = read["row"].to_numpy()[feature >= 0]
        counts = np.bincount(row, minlength=len(frame))
        places.append(at[row])
        features.append(start + feature[feature >= 0])
        weights.append(1 / np.sqrt(counts[row]))
        start += len(column.values)
    entries = (np.concatenate(places), np.concatenate(features))
    values = np.concatenate(weights).astype(np.float32)
    return scipy.sparse.csr_array((values, entries), shape=(rows, start))


def _note(table: SideTable, role: str, found: FoundColumns, held: int, ids: int) -> str:
    """Return what was understood of a side table, in words."""
    others = len(table.frame) - held
    named = [f"{_listed(c.columns)} ({c.kind}, {len(c.values)})" for c in found.features]
    parts = [
        f"{Path(table.source).name}: {held:,} of {ids:,} {role}s of training have features"
        + (f", other rows: {others:,}" if others else ""),
        f"{role}={table.id_column}",
        ", ".join(named),
    ]
    if found.title is not None:
        parts.append(f"title={found.title}")
    if found.left_out:
        reasons = ", ".join(f"{name} ({why})" for name, why in found.left_out.items())
        parts.append(f"not used: {reasons}")
    return "; ".join(parts)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
