"""Conversion of columns to numbers, and checks of ratings."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from nasp.errors import NaspError
from sif.data.faults import place, shown

EXACT = 2**24  # larger whole numbers are not all exact as float32


def to_numbers(column: pd.Series) -> pd.Series:
    """Return a column as float64; values that are not numbers, including times, are missing."""
    if isinstance(column.dtype, pd.StringDtype):
        try:  # much faster than pandas, which then only finds the place of a fault
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


def quantile_edges(numbers: np.ndarray | pd.Series, bins: int) -> tuple[float, ...]:
    """Return the numbers at which the second bin and those after it begin, increasing.

    Args:
        numbers: The numbers, of which each bin gets about as many.
        bins: Largest number of bins. There are fewer edges if numbers repeat.
    """
    edges = np.unique(np.quantile(numbers, np.arange(1, bins) / bins, method="higher"))
    return tuple(edges[edges > numbers.min()].tolist())


def read_ratings(column: pd.Series, source: str) -> pd.Series:
    """Return ratings as float64; missing values stay missing.

    Raises:
        NaspError: A value is not a number.
    """
    numbers = to_numbers(column)
    text = numbers.isna() & column.notna()
    if text.any():
        raise NaspError(
            f"{place(source, column, text)}: {shown(column, text)!r} is not a number; "
            "correct it, or name the column of ratings with --columns rating=NAME"
        )
    return numbers


def check_ratings(numbers: pd.Series, column: pd.Series, source: str, *, log: bool) -> None:
    """Check that ratings can be stored as float32.

    Args:
        numbers: The result of `read_ratings`.
        column: The column, for messages.
        source: The table's name, for messages.
        log: Whether each rating r will become log(1 + r).

    Raises:
        NaspError: A rating is missing, infinite, a whole number that would be rounded, or has no
            logarithm.
    """
    wrong = ~numbers.abs().le(float(np.finfo(np.float32).max))
    if wrong.any():
        raise NaspError(
            f"{place(source, column, wrong)}: the rating is missing or infinite; "
            f"fill in or remove the {wrong.sum()} rows of this kind"
        )
    if log:
        if (below := numbers < 0).any():
            raise NaspError(
                f"{place(source, column, below)}: no logarithm of {shown(column, below)}; "
                "use --rating_transform none"
            )
        return
    values = numbers.to_numpy()
    rounded = (np.abs(values) > EXACT) & (values.astype(np.float32) != values)
    if rounded.any():
        raise NaspError(
            f"{place(source, column, rounded)}: a rating of {shown(column, rounded)} would be "
            f"rounded, like most numbers beyond {EXACT:,}; is it a rating? Divide them, "
            f"or use --rating_transform log; a time is named by --columns timestamp={column.name}"
        )
