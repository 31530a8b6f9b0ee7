"""The file formats of rating tables, read block by block."""

import bz2
import gzip
import lzma
import re
import sqlite3
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, cast

import pandas as pd
import pyarrow as pa

from nasp.errors import NaspError, damage_named
from sif.data.binary import read_arrow, read_matrix, read_parquet
from sif.data.columns import Columns
from sif.data.layout import Choose, Reading
from sif.data.line_forms import line_form
from sif.data.records import read_database, read_json_lines, read_workbook
from sif.data.text import read_text

TEXT = (
    ".csv",
    ".tsv",
    ".txt",
    ".data",
    ".dat",
    ".inter",
    ".base",
    ".test",
    ".libfm",
    ".user",
    ".item",
)
JSON = (".jsonl", ".ndjson", ".json")
ARROW = (".feather", ".arrow", ".ipc")
DATABASE = (".sqlite", ".sqlite3", ".db")
STREAMS = (*TEXT, *JSON, *ARROW, ".parquet")  # formats that are read from an open file
TABLES = (*STREAMS, ".xlsx", *DATABASE, ".npz")
PACKED: dict[str, Callable[[Path], object]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}

DAMAGED = (  # what the readers of a damaged file raise
    *(OSError, EOFError, RuntimeError, ValueError, TypeError, KeyError, sqlite3.Error),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile, pa.ArrowException),
)

Open = Callable[[], IO[bytes]]


def parts_of(path: Path) -> list[Path]:
    """Return the files of a table: `path`, or the parts in a folder that Spark wrote.

    Raises:
        NaspError: There is no such file, or it is not a regular file.
    """
    if path.is_dir():
        parts = sorted(part for part in path.glob("part-*") if not part.is_dir())
        if not parts:
            raise NaspError(f"{path} is a folder; give the path of a ratings file in it")
        return [file for part in parts for file in parts_of(part)]
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError) as error:
        raise NaspError(f"{path}: no such file; check the path") from error
    if not regular:
        raise NaspError(f"{path} is not a regular file; save the ratings to one, and give its path")
    return [path]


def read_raw(
    path: Path, choose: Choose, reading: Reading, columns: Columns
) -> Iterator[pd.DataFrame]:
    """Read columns of a ratings file.

    Args:
        path: A regular file with an ending in `TABLES`, or a `.zip` of one table. A file with an
            ending in `STREAMS` may be compressed.
        choose: Returns the columns to read, given the file's layout; called before the first block.
        reading: Options of reading.
        columns: The user's columns.

    Yields:
        Blocks of rows with the file's own column names. The index is named `line` or `row`,
        after what it counts.

    Raises:
        NaspError: The file is of an unknown kind, damaged or empty.
    """
    source = str(path)
    with damage_named(path, *DAMAGED):
        kind = path.suffix.lower()
        if kind == ".xlsx":
            yield from read_workbook(path, choose, reading, columns)
        elif kind in DATABASE:
            yield from read_database(path, choose, reading)
        elif kind == ".npz":
            yield from read_matrix(path, choose)
        else:
            kind, open_file = _unpack(path)
            if kind == ".parquet":
                yield from read_parquet(open_file, source, choose)
            elif kind in ARROW:
                yield from read_arrow(open_file, source, choose)
            elif kind in JSON:
                yield from read_json_lines(open_file, source, choose)
            elif (read := line_form(open_file, reading, columns)) is not None:
                yield from read(open_file, source, choose)
            else:
                yield from read_text(open_file, source, choose, reading, columns)


def _unpack(path: Path) -> tuple[str, Open]:
    """Return the ending of the table in `path`, and a function that opens the table."""
    kind, inner = path.suffix.lower(), Path(path.stem).suffix.lower()
    if (opened := PACKED.get(kind)) is not None and (inner in STREAMS or _is_part(path)):
        return inner or ".txt", lambda: cast(IO[bytes], opened(path))
    if kind == ".zip":
        with zipfile.ZipFile(path) as archive:
            member = _only_table(archive.namelist(), path)

        def open_member() -> IO[bytes]:
            with zipfile.ZipFile(path) as archive:
                return archive.open(member)  # the member stays readable after the archive is closed

        return PurePosixPath(member).suffix.lower(), open_member
    if kind not in STREAMS and not (_is_part(path) and not kind):
        known = ", ".join((*TABLES, ".zip"))
        raise NaspError(
            f"{path}: unknown ending {kind!r}; known are {known}, and of most .gz, .bz2 and .xz; "
            "rename a text table to .csv, write another as parquet first, with pandas for example"
        )
    return kind, lambda: path.open("rb")


def _is_part(path: Path) -> bool:
    return path.name.startswith("part-") and "." not in path.name.removesuffix(path.suffix)


def _only_table(members: list[str], path: Path) -> str:
    """Return the only file of an archive, or the only one with a usual name."""
    members = [name for name in members if not re.search(r"(^|/)(\.|__MACOSX/)", name)]
    tables = [name for name in members if PurePosixPath(name).suffix.lower() in STREAMS]
    usual = [name for name in tables if re.fullmatch(r"ratings\..*|u\.data", Path(name).name)]
    tables = usual or tables
    if len(tables) != 1:
        listed = ", ".join(tables) or "none"
        raise NaspError(f"{path}: one ratings file is needed in it, found: {listed}; unpack it")
    return tables[0]
