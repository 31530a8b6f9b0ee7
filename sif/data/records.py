"""Readers of tables record by record: JSON lines, databases, workbooks."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from importlib import import_module
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import pandas as pd

from nasp.errors import NaspError
from sif.data.columns import Columns
from sif.data.layout import Choose, Layout, Reading, layout_of

RECORDS = 1 << 17  # number of records in a block
LONGEST = 1 << 24  # largest length of a line of JSON, in bytes


def read_json_lines(
    open_file: Callable[[], IO[bytes]], source: str, choose: Choose
) -> Iterator[pd.DataFrame]:
    """Read JSON lines: one object per line, with the names of the first one.

    Yields:
        Blocks of rows, indexed by `line` of the file.

    Raises:
        NaspError: A line is not a JSON object.
    """
    with open_file() as file:
        records = _records(file, source)
        first = next(records, None)
        if first is None:
            raise NaspError(f"{source} is empty; it should hold ratings")
        wanted = list(choose(Layout(list(first[1]))))
        everything = chain([first], records)
        rows = ((line, *map(record.get, wanted)) for line, record in everything)
        yield from _blocks(rows, ["line", *wanted])


def read_database(path: Path, choose: Choose, reading: Reading) -> Iterator[pd.DataFrame]:
    """Read a table of an SQLite database.

    Raises:
        NaspError: The database has several tables and none is named, or it lacks the named one.
    """
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        name = _one_of([n for (n,) in found], reading.table, f"{path}: table")
        quoted = '"' + name.replace('"', '""') + '"'
        cursor = connection.execute(f"SELECT * FROM {quoted}")
        names = [column[0] for column in cursor.description]
        wanted = list(choose(Layout(names)))
        positions = [names.index(column) for column in wanted]
        rows = ((n, *(row[p] for p in positions)) for n, row in enumerate(cursor))
        yield from _blocks(rows, ["row", *wanted])


def read_workbook(
    path: Path, choose: Choose, reading: Reading, columns: Columns
) -> Iterator[pd.DataFrame]:
    """Read a sheet of an Excel workbook; rows count from 1, as Excel counts them.

    Raises:
        NaspError: The sheet is missing or empty, or openpyxl is not installed.
    """
    try:
        openpyxl = import_module("openpyxl")  # an optional dependency
    except ImportError as error:
        raise NaspError(
            f"{path}: reading Excel needs openpyxl: pip install openpyxl; or save it as csv"
        ) from error
    try:
        with closing(openpyxl.load_workbook(path, read_only=True, data_only=True)) as workbook:
            sheets = [sheet.title for sheet in workbook.worksheets]
            name = _one_of(sheets, reading.table, f"{path}: sheet")
            cells = workbook[name].iter_rows(values_only=True)
            rows = [(n, *row) for n, row in enumerate(cells, 1) if any(v is not None for v in row)]
    except NaspError:
        raise
    except Exception as error:  # a damaged workbook can raise any exception
        reason = " ".join(str(error).split())
        raise NaspError(f"{path} is damaged or unreadable ({reason}); get it again") from error
    if not rows:
        raise NaspError(f"{path} is empty; it should hold ratings")
    first = ["" if value is None else str(value) for value in rows[0][1:]]
    layout = layout_of(first, reading, columns)
    layout = Layout(layout.names, layout.header)
    wanted = list(choose(layout))
    positions = [1 + layout.names.index(column) for column in wanted]
    body = rows[1:] if layout.header else rows
    yield from _blocks(((row[0], *(row[p] for p in positions)) for row in body), ["row", *wanted])


def _records(file: IO[bytes], source: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a file with their line numbers."""
    number = 0
    while line := file.readline(LONGEST):
        number += 1
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = "it is too long" if len(line) == LONGEST else str(error)[:200]
            raise NaspError(
                f"{source}, line {number}: not JSON ({reason}); one object a line is needed, "
                "as pandas' to_json(orient='records', lines=True) writes it"
            ) from error
        if not isinstance(record, dict):
            raise NaspError(
                f"{source}, line {number}: a {type(record).__name__}, not an object; one object a "
                "line is needed, as pandas' to_json(orient='records', lines=True) writes it"
            )
        yield number, record


def _one_of(names: list[str], given: str | None, what: str) -> str:
    """Return the given table, or the only one."""
    listed = ", ".join(names)[:200] or "none"
    if given is not None:
        if given not in names:
            raise NaspError(f"{what} {given!r} is not there; there are: {listed}")
        return given
    if len(names) != 1:
        raise NaspError(f"{what}s: {listed}; name one with --table")
    return names[0]


def _blocks(rows: Iterable[tuple[Any, ...]], names: list[str]) -> Iterator[pd.DataFrame]:
    """Yield blocks of rows as frames; the first value of a row is the index."""
    rows = iter(rows)
    while block := list(islice(rows, RECORDS)):
        columns = dict(zip(names, zip(*block, strict=True), strict=True))
        index = pd.Index(columns.pop(names[0]), name=names[0])
        # A column of dtype object keeps integers with None, and texts with numbers.
        yield pd.DataFrame(
            {name: pd.Series(values, index, dtype=object) for name, values in columns.items()}
        ).infer_objects()
