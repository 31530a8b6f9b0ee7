"""Ratings from a file, whatever its format."""

from pathlib import Path

import pandas as pd

from sif.data.check import check_frame
from sif.data.columns import Columns, find_columns, parse_columns
from sif.data.formats import read_raw

__all__ = ["Columns", "check_frame", "parse_columns", "read_table"]


def read_table(path: Path, columns: Columns | None = None) -> pd.DataFrame:
    """Read ratings from csv, tsv, MovieLens's `.data` and `.dat`, RecBole's `.inter` or parquet.

    Text may be gzipped, and a table may lie in a zip; the delimiter is found by looking. Text
    without a header holds user, item, rating and, optionally, timestamp, in this order.

    Args:
        path: The file.
        columns: The file's column names where they are not the usual ones, and the contexts.

    Returns:
        Checked ratings, as `check_frame` gives them.

    Raises:
        NaspError: The file cannot be read, or `check_frame` finds fault with it.
    """
    columns = columns or Columns()
    source = str(path)
    frame = read_raw(path, lambda names: find_columns(names, columns, source).values())
    return check_frame(frame, source, columns)
