"""Ratings from a file, whatever its format and its size."""

from collections.abc import Collection
from pathlib import Path

from sif.data.check import Check, Transform, check_frame
from sif.data.columns import Columns, find_columns, parse_columns
from sif.data.formats import read_raw
from sif.data.store import Table

__all__ = ["Columns", "Table", "check_frame", "parse_columns", "read_table"]


def read_table(path: Path, columns: Columns | None = None, transform: Transform = "none") -> Table:
    """Read ratings from csv, tsv, MovieLens's `.data` and `.dat`, RecBole's `.inter` or parquet.

    Text may be gzipped, and a table may lie in a zip; the delimiter is found by looking. Text
    without a header holds user, item, rating and, optionally, timestamp, in this order. The file
    is read block by block, so it may be larger than memory.

    Args:
        path: The file.
        columns: The file's column names where they are not the usual ones, and the contexts.
        transform: What becomes of each rating, see `check_frame`.

    Returns:
        Checked ratings.

    Raises:
        NaspError: The file cannot be read, or `Check` finds fault with it.
    """
    columns = columns or Columns()
    source = str(path)
    found: dict[str, str] = {}

    def choose(names: list[str]) -> Collection[str]:
        found.update(find_columns(names, columns, source))
        return found.values()

    check: Check | None = None
    for frame in read_raw(path, choose):
        if check is None:
            check = Check(source, columns, found, transform, text=frame.index.name == "line")
        check.add(frame)
    return (check or Check(source, columns, found, transform)).finish()
