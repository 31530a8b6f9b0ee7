"""Properties of users or items as features: categories, lists, years, and bins of numbers."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import pandas as pd

from sif.data.columns import stem
from sif.data.numbers import quantile_edges, to_numbers
from sif.data.times import Times

SEPARATORS = ("|", ";", ",")
LISTED = 0.1  # smallest share of values with a separator in a column of lists
DISTINCT = 0.9  # share of distinct values from which texts count as all different
DATES = 0.9  # smallest share of values of a column of dates that are dates
SAMPLE = 8  # values that must look like dates before the whole column is read as dates
INDICATOR, DIFFERENT = "0 and 1", "all different"

Kind = Literal["category", "list", "indicators", "year", "number"]
KINDS = get_args(Kind)


@dataclass(frozen=True)
class FeatureColumn:
    """A property that gives features, and how its values are read.

    Attributes:
        kind: `category`: a value; `list`: several values in a field; `indicators`: several columns
            of 0 and 1; `year`: the year of a date; `number`: a bin of numbers.
        columns: The columns of the table; several for indicators.
        separator: Separates the values of a list; empty for fields that are lists themselves.
        edges: Numbers at which the second bin and those after it begin.
        values: The values that are features, as texts, in alphabetical order or that of numbers.
    """

    kind: Kind
    columns: tuple[str, ...]
    separator: str = ""
    edges: tuple[float, ...] = ()
    values: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """Names of the features, `occupation=student`; those of indicators are their columns'."""
        if self.kind == "indicators":
            return list(self.values)
        return [f"{self.columns[0]}={value}" for value in self.values]

    def read(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the values of a table's rows, without repeats.

        Args:
            frame: A table with the columns.

        Returns:
            Columns `row`, positions in `frame`, and `value`, texts; none for a missing value.
        """
        columns = [frame[name].reset_index(drop=True) for name in self.columns]
        if self.kind == "indicators":
            parts = [
                pd.Series(str(column.name), column.index[to_numbers(column) == 1])
                for column in columns
            ]
            values = pd.concat(parts)
        else:
            values = self._texts(columns[0].dropna())
        values = values[values.notna()].astype("str")
        values = values[values != ""]
        read = pd.DataFrame({"row": values.index.to_numpy(np.int64), "value": values.to_numpy()})
        return read.drop_duplicates(ignore_index=True)

    def _texts(self, held: pd.Series) -> pd.Series:
        """Return the values of a column as texts; several with the same index for a list."""
        if self.kind == "year":
            return _years(held).map("{:.0f}".format, na_action="ignore")
        if self.kind == "number":
            numbers = to_numbers(held).dropna()
            bins = np.searchsorted(self.edges, numbers, side="right")
            return pd.Series(np.array(self.bins(), object)[bins], numbers.index)
        if self.kind == "list":
            lists = held.str.split(self.separator, regex=False) if self.separator else held
            return lists.map(list).explode().dropna().astype("str").str.strip()
        numbers = to_numbers(held)
        if numbers.notna().all() and not isinstance(held.dtype, pd.StringDtype):
            return numbers.map("{:.15g}".format)
        return held.astype("str").str.strip()

    def bins(self) -> list[str]:
        """Return the names of the bins, such as `22–25`, in order."""
        inner = [f"{a:g}–{b:g}" for a, b in zip(self.edges, self.edges[1:], strict=False)]
        return [f"below {self.edges[0]:g}", *inner, f"from {self.edges[-1]:g}"]


@dataclass(frozen=True)
class FoundColumns:
    """What the columns of a table are.

    Attributes:
        features: The columns that give features.
        left_out: The others, with the reason.
        title: The column of titles or names, for display; None if there is none.
    """

    features: tuple[FeatureColumn, ...]
    left_out: dict[str, str]
    title: str | None


def find_feature_columns(frame: pd.DataFrame, bins: int, header: bool = True) -> FoundColumns:
    """Find out what the columns of a table are, from their values.

    A value that one row only has is no feature, because nothing can be learnt of it for others.

    Args:
        frame: The rows of training, without the column of ids.
        bins: Number of bins of numbers with more values than this.
        header: Whether the columns have names. If not, the first column of different texts that are
            no addresses holds titles.
    """
    found: list[FeatureColumn] = []
    left_out: dict[str, str] = {}
    indicators: list[str] = []
    title: str | None = None
    for name in map(str, frame.columns):
        held = frame[name].dropna()
        kind = _kind(name, held, bins)
        if isinstance(kind, FeatureColumn):
            found.append(kind)
        elif kind == INDICATOR:
            indicators.append(name)
        elif kind == DIFFERENT and title is None and _is_title(name, held, header):
            title = name
        else:
            left_out[name] = kind
    if len(indicators) > 1:
        found.append(FeatureColumn("indicators", tuple(indicators)))
    else:
        found += [FeatureColumn("category", (name,)) for name in indicators]
    features = []
    for column in found:
        counts = column.read(frame)["value"].value_counts()
        order = column.bins() if column.kind == "number" else sorted(counts.index)
        if values := tuple(value for value in order if counts.get(value, 0) > 1):
            features.append(replace(column, values=values))
        else:
            left_out |= dict.fromkeys(column.columns, "no value twice")
    return FoundColumns(tuple(features), left_out, title)


def _kind(name: str, held: pd.Series, bins: int) -> FeatureColumn | str:
    """Return how a column without missing values is read, or what it is instead."""
    if held.empty:
        return "empty"
    if held.map(lambda value: isinstance(value, list | tuple | np.ndarray)).all():
        return FeatureColumn("list", (name,))
    if held.map(lambda value: isinstance(value, bytes | dict)).any():
        return "neither text nor numbers"
    if held.dtype.kind == "O":
        held = held.infer_objects()
    numbers = to_numbers(held)
    if numbers.notna().all():
        distinct = numbers.nunique()
        if distinct == 1:
            return "one value"
        if numbers.isin((0, 1)).all():
            return INDICATOR
        if distinct <= bins:
            return FeatureColumn("category", (name,))
        return FeatureColumn("number", (name,), edges=quantile_edges(numbers, bins))
    if _are_dates(held):
        return FeatureColumn("year", (name,))
    texts = held.astype("str")
    distinct = texts.nunique()
    if distinct == 1:
        return "one value"
    for separator in SEPARATORS:
        if texts.str.contains(separator, regex=False).mean() >= LISTED:
            split = FeatureColumn("list", (name,), separator=separator)
            if split.read(held.to_frame(name))["value"].nunique() <= distinct:
                return split
    return DIFFERENT if distinct >= DISTINCT * len(held) else FeatureColumn("category", (name,))


def _is_title(name: str, held: pd.Series, header: bool) -> bool:
    if header:
        return stem(name).endswith(("title", "name"))
    return not held.astype("str").str.contains("://", regex=False).any()


def _are_dates(held: pd.Series) -> bool:
    if not held.head(SAMPLE).astype("str").str.contains(r"\d.*\d").all():
        return False  # much faster than to try all formats
    return bool(
        _years(held.head(SAMPLE)).notna().mean() > DATES and _years(held).notna().mean() > DATES
    )


def _years(held: pd.Series) -> pd.Series:
    """Return the years of dates, float64; other values are missing."""
    reader = Times()
    times, wrong, _ = reader.read(held)
    if not reader.dated:
        return pd.Series(np.nan, held.index)
    micros = pd.Series(np.where(wrong, np.nan, times), held.index)
    return pd.to_datetime(micros, unit="us", errors="coerce").dt.year.astype(np.float64)
