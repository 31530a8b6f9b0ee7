"""Times of ratings: numbers, or dates in one of many formats."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from sif.data.numbers import to_numbers

# Ranges of Unix times for the years 1973 to 2128, in each unit.
UNITS = {
    "seconds": (1e8, 5e9),
    "milliseconds": (1e11, 5e12),
    "microseconds": (1e14, 5e15),
    "nanoseconds": (1e17, 5e18),
}
ISO = "ISO8601"
SAMPLE = 10_000  # number of dates from which their format is guessed
# Formats with the month first come before those with the day first: the first that fits wins.
DATES = (
    *("%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%Y/%m/%d", "%d.%m.%Y", "%m-%d-%Y"),
    *("%d-%m-%Y", "%d-%b-%Y", "%m %d, %Y", "%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y"),
)
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")


class Times:
    """Reads a column of times block by block. The first block determines their format.

    Attributes:
        dated: Whether they are dates, which become microseconds of UTC; None before the first
            block.
        form: Format of the dates, for `pandas.to_datetime`.
        unit: Unit of Unix times; empty for other numbers.
        ambiguous: Whether day and month could be exchanged.
    """

    def __init__(self) -> None:
        self.dated: bool | None = None
        self.form, self.unit, self.ambiguous = ISO, "", False

    def read(self, column: pd.Series) -> tuple[np.ndarray, np.ndarray, str]:
        """Read a block.

        Times are exact to the microsecond until the year 2255, and whole numbers up to 2⁵³.

        Returns:
            Numbers or microseconds, float64 `(rows,)`; which values are wrong, bool `(rows,)`; and
            why they are wrong.
        """
        if column.dtype.kind == "O":
            column = column.infer_objects()
        numbers = _plain_numbers(column)
        if self.dated is None:
            self.dated = bool(numbers.isna().mean() > 0.5)
            if self.dated:
                self.form, self.ambiguous = _form(column)
        if self.dated:
            times = _microseconds(column, self.form)
            reason = "neither a number nor a date"
            if self.form != ISO:
                reason += f" of the form {self.form}, as other times are"
            return times, ~(np.abs(times) < np.inf), reason
        times = numbers.to_numpy()
        wrong = ~(np.abs(times) < np.inf)
        if wrong.any():
            return times, wrong, "neither a number, as other times are, nor to be read as one"
        return times, *self._unit(times)

    @property
    def described(self) -> str:
        """Description of the times; empty for numbers."""
        if not self.dated or self.form == ISO:
            return "dates" if self.dated else self.unit
        return f"dates {self.form}" + (", a guess" if self.ambiguous else "")

    def _unit(self, times: np.ndarray) -> tuple[np.ndarray, str]:
        """Return which times have another unit than earlier ones, and a message."""
        size = np.abs(times)
        for unit, (low, high) in UNITS.items():
            within = (size >= low) & (size < high)
            if within.any():
                if self.unit and unit != self.unit:
                    return within, f"looks like {unit}, other times like {self.unit}"
                self.unit = unit
        return np.zeros(len(times), bool), ""


def _plain_numbers(column: pd.Series) -> pd.Series:
    """Return float64; values that are not numbers are missing."""
    if column.dtype.kind in "mM" or isinstance(column.dtype, pd.DatetimeTZDtype):
        return pd.Series(np.nan, column.index)
    return to_numbers(column)


def _form(column: pd.Series) -> tuple[str, bool]:
    """Guess the format of the dates of a block, and return whether another fits as well."""
    if not isinstance(column.dtype, pd.StringDtype):
        return ISO, False
    sample = pd.Series(column.dropna().unique()[:SAMPLE])
    right = {form: np.mean(~np.isnan(_microseconds(sample, form))) for form in _forms()}
    best = max(right, key=lambda form: right[form])  # the first one on a tie
    if right[best] < 0.5:
        return ISO, False
    swapped = best.replace("%m", "%x").replace("%d", "%m").replace("%x", "%d")
    return best, "%m" in best and right.get(swapped, 0) == right[best]


def _forms() -> Iterator[str]:
    yield ISO
    yield from (date + clock for clock in CLOCKS for date in DATES)
    yield "%a %b %d %H:%M:%S %z %Y"


def _microseconds(column: pd.Series, form: str) -> np.ndarray:
    """Return microseconds of UTC, float64 `(rows,)`; NaN for values that do not fit the format."""
    if column.dtype.kind == "m":
        return np.full(len(column), np.nan)
    dates = pd.to_datetime(column, errors="coerce", utc=True, format=form)
    micros = dates.dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.float64)
    return np.where(dates.isna(), np.nan, micros)
