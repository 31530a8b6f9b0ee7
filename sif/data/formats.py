"""The file formats of rating tables, read block by block with the file's own column names."""

import gzip
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, cast

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet

from nasp.core.errors import NaspError
from sif.data.text import Choose, read_text

TEXT = (".csv", ".tsv", ".txt", ".data", ".dat", ".inter", ".base", ".test")
TABLES = (*TEXT, ".parquet")
BATCH = 1 << 20  # rows of a parquet file that are read at once

Open = Callable[[], IO[bytes]]


def check_file(path: Path) -> None:
    """Raise NaspError unless `path` is a file."""
    if path.is_dir():
        raise NaspError(f"{path} is a folder; give the path of a ratings file in it")
    if not path.is_file():
        raise NaspError(f"{path}: no such file; check the path")


def read_raw(path: Path, choose: Choose) -> Iterator[pd.DataFrame]:
    """Read the columns of a ratings file that `choose` picks from all its columns.

    Args:
        path: A file with one of the endings `TABLES`; `.gz` of a text one; a `.zip` of one table.
        choose: Called with the names of all columns, before the first block; returns those to read.

    Yields:
        Blocks of rows. The index is named after what it counts: the file's `line`, where all values
        are strings, or the `row` (from 0).

    Raises:
        NaspError: The file is missing, of an unknown kind, damaged or empty.
    """
    check_file(path)
    with _damage_named(path):
        kind, open_file = _unpack(path)
        if kind == ".parquet":
            yield from _read_parquet(open_file, choose)
        else:
            yield from read_text(open_file, str(path), choose)


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except NaspError:
        raise
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise NaspError(f"{path} is damaged or unreadable ({reason}); get it anew") from error


def _unpack(path: Path) -> tuple[str, Open]:
    """Return the ending of the table in `path`, and what opens the table."""
    kind = path.suffix.lower()
    if kind == ".gz" and Path(path.stem).suffix.lower() in TEXT:
        return Path(path.stem).suffix.lower(), lambda: cast(IO[bytes], gzip.open(path))
    if kind == ".zip":
        with zipfile.ZipFile(path) as archive:
            member = _only_table(archive.namelist(), path)
        # The member stays readable when the archive's own handle is closed.
        return PurePosixPath(member).suffix.lower(), lambda: zipfile.ZipFile(path).open(member)
    if kind not in TABLES:
        known = ", ".join((*TABLES, ".zip"))
        raise NaspError(f"{path}: unknown ending {kind!r}; known are {known}, and .gz of text")
    return kind, lambda: path.open("rb")


def _only_table(members: list[str], path: Path) -> str:
    """Return the one ratings file of an archive; of several, the one with a usual name."""
    tables = [name for name in members if PurePosixPath(name).suffix.lower() in TABLES]
    usual = [name for name in tables if re.fullmatch(r"ratings\..*|u\.data", Path(name).name)]
    tables = usual or tables
    if len(tables) != 1:
        listed = ", ".join(tables) or "none"
        raise NaspError(f"{path}: one ratings file is needed in it, found: {listed}; unpack it")
    return tables[0]


def _read_parquet(open_file: Open, choose: Choose) -> Iterator[pd.DataFrame]:
    with open_file() as stream:
        file = parquet.ParquetFile(pa.PythonFile(stream, mode="r"))
        start = 0
        for batch in file.iter_batches(BATCH, columns=list(choose(file.schema_arrow.names))):
            rows = pd.RangeIndex(start, start + len(batch), name="row")
            start += len(batch)
            yield pa.Table.from_batches([batch]).to_pandas(ignore_metadata=True).set_axis(rows)
