"""What every table of ratings must satisfy before anything is trained on it."""

import warnings

import numpy as np
import pandas as pd

from nasp.core.errors import NaspError
from sif.data.columns import Columns, find_columns

MIN_ROWS = 10
EXACT = 2**53  # whole numbers from here on are not exact as floats


def check_frame(
    frame: pd.DataFrame, source: str = "the table given", columns: Columns | None = None
) -> pd.DataFrame:
    """Return the ratings in canonical form, or say what is wrong with them.

    Args:
        frame: One row per rating; left as it is. Messages name rows by its index.
        source: The table's name, for messages.
        columns: The table's column names where they are not the usual ones, and the contexts.

    Returns:
        Columns `user`, `item`, the contexts (integers or strings), `rating` (float64) and, where
        the table has times, `timestamp` (numbers or UTC times). Of ratings of one and the same
        pair the latest is kept, with a warning.

    Raises:
        NaspError: A column or a value is missing or not a number, or there are too few rows,
            users or items, or all ratings are equal.
    """
    columns = columns or Columns()
    frame = frame.rename(columns=str)
    found = find_columns(list(frame.columns), columns, source)
    checked = pd.DataFrame(index=frame.index)
    for name in columns.entities:
        checked[name] = _ids(frame[found[name]], source)
    checked["rating"] = _ratings(frame[found["rating"]], source)
    if "timestamp" in found:
        column = frame[found["timestamp"]]
        times = _times(column)
        if not times.isna().any():
            checked["timestamp"] = times
        elif columns.timestamp is not None:
            raise NaspError(
                f"{_place(column, times.isna(), source)}: neither a number nor an ISO date; "
                "correct it or leave timestamp out of --columns"
            )
    checked = _without_repeats(checked, list(columns.entities), source)
    _check_enough(checked, source)
    return checked.reset_index(drop=True)


def _place(column: pd.Series, wrong: pd.Series, source: str) -> str:
    """Name the first wrong value's place in the table."""
    row = column.index[int(np.argmax(wrong))]
    return f"{source}, {column.index.name or 'row'} {row}, column {column.name}"


def _ids(column: pd.Series, source: str) -> pd.Series:
    """Return integer ids as integers, others as strings."""
    missing = column.isna()
    if missing.any():
        raise NaspError(
            f"{_place(column, missing, source)}: no id; "
            f"fill in or remove the {missing.sum()} rows without one"
        )
    if isinstance(column.dtype, pd.StringDtype):
        return column.astype("str")
    values = column.to_numpy()
    if values.dtype.kind == "f" and np.all(values == np.floor(values)):
        if np.any(np.abs(values) >= EXACT):
            raise NaspError(f"{source}, column {column.name}: ids of 16 digits or more need text")
        values = values.astype(np.int64)
    ids = pd.Series(values, index=column.index)
    return ids if values.dtype.kind in "iu" else ids.astype("str")


def _ratings(column: pd.Series, source: str) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce").astype(np.float64)
    text = numbers.isna() & column.notna()
    if text.any():
        value = str(column.iloc[int(np.argmax(text))])[:40]
        raise NaspError(
            f"{_place(column, text, source)}: {value!r} is not a number; "
            "correct it, or name the column of ratings with --columns rating=NAME"
        )
    wrong = ~numbers.between(-np.inf, np.inf, inclusive="neither")
    if wrong.any():
        raise NaspError(
            f"{_place(column, wrong, source)}: the rating is missing or infinite; "
            f"fill in or remove the {wrong.sum()} rows of this kind"
        )
    return numbers


def _times(column: pd.Series) -> pd.Series:
    """Return numbers or UTC times, missing where the column holds neither."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column
    return pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601")


def _without_repeats(frame: pd.DataFrame, entities: list[str], source: str) -> pd.DataFrame:
    """Keep the last rating of each combination of entities, by time, then by row."""
    if not frame.duplicated(entities).any():
        return frame
    order = np.arange(len(frame))
    if "timestamp" in frame:
        order = np.argsort(frame["timestamp"].to_numpy(), kind="stable")
    last = ~frame.iloc[order].duplicated(entities, keep="last").to_numpy()
    warnings.warn(
        f"{source}: {len(frame) - last.sum()} of {len(frame)} rows rate the same "
        f"{' and '.join(entities)} again; the last of each is kept",
        stacklevel=3,
    )
    return frame.iloc[np.sort(order[last])]


def _check_enough(frame: pd.DataFrame, source: str) -> None:
    if frame.empty:
        raise NaspError(f"{source} holds no ratings; it needs a row for each")
    if len(frame) < MIN_ROWS:
        raise NaspError(f"{source}: {len(frame)} ratings; at least {MIN_ROWS} are needed")
    for name in ("user", "item"):
        if frame[name].nunique() < 2:
            only = frame[name].iloc[0]
            raise NaspError(f"{source}: all ratings are of one {name} ({only}); two are needed")
    if frame["rating"].nunique() < 2:
        only = frame["rating"].iloc[0]
        raise NaspError(f"{source}: all ratings are {only:g}; there is nothing to learn from them")
