"""Tables of users or of items, with a row for each and a column for each property."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from nasp.errors import NaspError
from sif.data.columns import Columns, usual_columns
from sif.data.faults import place, shown
from sif.data.formats import parts_of, read_raw
from sif.data.ids import plain_ids
from sif.data.layout import Layout, Reading


@dataclass(frozen=True, eq=False)
class SideTable:
    """The properties of users or of items, as in the file.

    Attributes:
        source: Path of the file, for messages.
        id_column: Name of the column of ids; each id has one row.
        frame: All columns, as texts if the file is a text; its index has the rows' numbers.
        header: Whether the names of the columns are the file's own.
    """

    source: str
    id_column: str
    frame: pd.DataFrame
    header: bool = True

    def hashed(self) -> list[str | bytes]:
        """Return the names of the columns, and hashes of the rows, for a digest."""
        rows = pd.util.hash_pandas_object(self.frame.astype(str), index=False)
        return [self.id_column, *map(str, self.frame.columns), rows.to_numpy().tobytes()]


def read_side_table(path: Path, role: str) -> SideTable:
    """Read a table of the properties of users or items, in any format of ratings.

    Args:
        path: The file.
        role: `user` or `item`; the first column with a usual name of its ids holds the ids, or else
            the first column.

    Raises:
        NaspError: The file cannot be read, a column's name or an id appears twice, or an id is
            missing or of a type that is no id.
    """
    layouts: list[Layout] = []
    blocks: list[pd.DataFrame] = []
    for part in parts_of(path):

        def choose(layout: Layout) -> Collection[str]:
            layouts.append(layout)
            return layout.names

        blocks += read_raw(part, choose, Reading(item_lists=False), Columns())
    names = layouts[0].names
    if twice := [name for name in names if names.count(name) > 1]:
        raise NaspError(f"{path}: column {twice[0]!r} appears twice; rename one")
    if not blocks:
        raise NaspError(f"{path} holds no {role}s; it needs a row for each")
    if any(layout.names != names for layout in layouts):
        raise NaspError(f"{path}: its parts have different columns; write them alike")
    return side_table(pd.concat(blocks), role, str(path), header=layouts[0].header)


def side_table(frame: pd.DataFrame, role: str, source: str, *, header: bool = True) -> SideTable:
    """Check a table of the properties of users or items.

    Args:
        frame: The table.
        role: See `read_side_table`.
        source: Its name, for messages.
        header: Whether the names of the columns are the table's own.

    Raises:
        NaspError: An id is missing, appears twice or is of a type that is no id.
    """
    names = [str(name) for name in frame.columns]
    found = usual_columns(role, names) if header else []
    ids = frame[found[0] if found else names[0]]
    if (missing := ids.isna()).any():
        raise NaspError(f"{place(source, ids, missing)}: no id; fill it in, or remove the row")
    named = plain_ids(ids, f"{source}, column {ids.name}")
    if (repeated := named.duplicated()).any():
        raise NaspError(
            f"{place(source, ids, repeated)}: {shown(ids, repeated)!r} has a row before; give "
            f"one row for each {role}"
        )
    return SideTable(source, str(ids.name), frame, header)
