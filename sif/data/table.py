"""Reading of a table of ratings from a file of any supported format and size."""

import warnings
from collections.abc import Callable, Collection
from pathlib import Path

from nasp.errors import NaspError
from sif.data.check import Check, Transform, check_frame
from sif.data.columns import Columns, find_columns, parse_columns, resolve_numbers
from sif.data.formats import parts_of, read_raw
from sif.data.layout import Layout, Reading
from sif.data.order import check_order
from sif.data.store import Table
from sif.data.summary import summary

__all__ = ["Columns", "Reading", "Table", "check_frame", "parse_columns", "read_table"]


def read_table(
    path: Path,
    columns: Columns | None = None,
    transform: Transform = "none",
    reading: Reading | None = None,
    *,
    timed: bool = False,
    evaluation_only: bool = False,
    pairs: bool = False,
    say: Callable[[str], object] | None = None,
) -> Table:
    """Read ratings from a file; see `sif.data.formats` for the formats.

    Delimiter, encoding, header and columns of a text are guessed. Text without a header must hold
    user, item, rating and timestamp, in this order, unless `columns` says otherwise; the timestamp
    may be missing, and in a table of pairs the rating, too.
    The file is read block by block, so files of most formats may be larger than the memory.

    Args:
        path: The file, or a folder of parts that Spark wrote.
        columns: The file's column names, if they are not the usual ones, and the contexts.
        transform: Transform of each rating, see `check_frame`.
        reading: Options of reading.
        timed: Whether times are required.
        evaluation_only: No model is trained on the ratings, so a few ratings are enough, of one
            user or one value too.
        pairs: Whether a table without a column of ratings is read as pairs, see `check_frame`.
        say: Called with a summary of the table; if None, dropped values cause warnings.

    Returns:
        Checked ratings.

    Raises:
        NaspError: The file cannot be read, or `Check` finds an error in it.
    """
    reading, given = reading or Reading(), columns or Columns()
    seen: list[tuple[Layout, Check]] = []
    for part in parts_of(path):

        def choose(layout: Layout, source: str = str(part)) -> Collection[str]:
            named = resolve_numbers(given, layout.names) if given.given else layout.columns
            found = find_columns(layout.names, named, source, layout.header, pairs)
            if not seen:
                check = Check(
                    source,
                    named,
                    found,
                    transform,
                    layout.text,
                    reading,
                    timed,
                    evaluation_only,
                    pairs,
                )
                seen.append((layout, check))
            elif seen[0][1].found != found:
                raise NaspError(f"{source}: other columns than in the parts before: {found}")
            seen[0][1].source = source
            return found.values()

        for frame in read_raw(part, choose, reading, given):
            layout, check = seen[0]
            if check.rated and not (layout.header or given.given):
                check_order(frame, check.found, check.source)
            check.add(frame)
    layout, check = seen[0]
    check.source = str(path)
    table = check.finish()
    if say is not None:
        say(summary(path, layout, check, table))
    else:
        for note in check.notes:
            warnings.warn(f"{path}: {note}", stacklevel=2)
    return table
