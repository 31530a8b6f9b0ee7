"""Ratings, and numbers in general, of a column of any type."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from nasp.errors import NaspError
from sif.data.faults import place, shown

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


def read_ratings(column: pd.Series, source: str) -> pd.Series:
    """Return ratings as numbers, float64, missing where the column has none.

    Raises:
        NaspError: A value is no number.
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
    """Check ratings that are to be held as float32.

    Args:
        numbers: What `read_ratings` returned.
        column: Its column, for messages.
        source: The table's name, for messages.
        log: Whether log(1 + r) will be taken of each rating r.

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
            f"rounded: beyond {EXACT:,} few whole numbers are held; is it a rating? Divide them, "
            "or use --rating_transform log"
        )
