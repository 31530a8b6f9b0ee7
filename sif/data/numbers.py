"""Ratings, and numbers in general, of a column of any type."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

EXACT = 2**24  # whole numbers beyond are not all exact as float32


def to_numbers(column: pd.Series) -> pd.Series:
    """Return float64, missing where the column holds no number; times are none."""
    if isinstance(column.dtype, pd.StringDtype):
        try:  # much faster than pandas, which is left to find the place of a fault
            text = pc.utf8_trim_whitespace(pa.array(column))
            return pd.Series(pc.cast(text, pa.float64()).to_pandas()).set_axis(column.index)
        except pa.ArrowInvalid:
            pass
    elif column.dtype.kind in "mMc":
        return pd.Series(np.nan, column.index)
    elif column.dtype.kind == "O":
        values = column.astype(object)
        column = values.where(values.map(np.isscalar))  # no date, list or mapping
    return pd.to_numeric(column, errors="coerce").astype(np.float64)


def rounded(numbers: pd.Series) -> pd.Series:
    """Whether float32 would make another number of a whole number, bool `(rows,)`."""
    values = numbers.to_numpy()
    return pd.Series((np.abs(values) > EXACT) & (values.astype(np.float32) != values))
