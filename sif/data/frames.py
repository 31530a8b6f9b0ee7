"""Conversion of Python tables and sequences to pandas frames and series."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse

from nasp.errors import NaspError

SHOWN = 60  # characters of a wrong value's type


def as_frame(table: Any, columns: Sequence[str]) -> pd.DataFrame:
    """Return a table as a frame.

    Args:
        table: A frame of pandas or polars, or an Arrow table; a sparse matrix of users and items,
            whose ids are positions; or an array or list of rows, with a value for each of
            `columns`.
        columns: Names of the values of a row, in order, for tables without names.

    Raises:
        NaspError: The table has another type, or its rows have another number of values.
    """
    if isinstance(table, pd.DataFrame):
        return table
    if hasattr(table, "to_pandas"):
        frame = table.to_pandas()
        if isinstance(frame, pd.DataFrame):
            return frame
    if scipy.sparse.issparse(table) and len(columns) == 3:
        entries = table.tocoo()
        values = (entries.row, entries.col, entries.data)
        return pd.DataFrame(dict(zip(columns, values, strict=True)))
    wanted = f"a frame, or rows of {', '.join(columns)}"
    if not isinstance(table, list | tuple | np.ndarray):
        raise NaspError(f"{type(table).__name__:.{SHOWN}} is not a table: give {wanted}")
    rows = table.tolist() if isinstance(table, np.ndarray) and table.ndim == 2 else table
    for position, row in enumerate(rows):
        if not isinstance(row, list | tuple | np.ndarray) or len(row) != len(columns):
            raise NaspError(f"row {position} of the table is {row!r:.60}: give {wanted}")
    frame = pd.DataFrame.from_records(rows, columns=list(columns))
    return frame.infer_objects()


def as_column(values: Any, name: str) -> pd.Series:
    """Return a sequence as a column with a new index.

    Raises:
        NaspError: It is a single value or a text, or has several dimensions.
    """
    if hasattr(values, "to_pandas"):
        values = values.to_pandas()
    if isinstance(values, pd.Series | pd.Index):
        return pd.Series(values.array)
    if isinstance(values, str | bytes) or not np.iterable(values) or getattr(values, "ndim", 1) > 1:
        raise NaspError(f"{name} is {values!r:.60}: give a sequence, [{values!r:.60}] for one")
    return pd.Series(list(values))
