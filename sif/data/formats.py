"""The file formats of rating tables, read into frames that still have the file's column names."""

import codecs
import csv
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from nasp.core.errors import NaspError

TEXT = (".csv", ".tsv", ".txt", ".data", ".dat", ".inter", ".base", ".test")
TABLES = (*TEXT, ".parquet")
DELIMITERS = ("::", "\t", ";", "|", ",")
MOVIELENS_ORDER = ("user", "item", "rating", "timestamp")

Choose = Callable[[list[str]], Collection[str]]


def check_file(path: Path) -> None:
    """Raise NaspError unless `path` is a file."""
    if path.is_dir():
        raise NaspError(f"{path} is a folder; give the path of a ratings file in it")
    if not path.is_file():
        raise NaspError(f"{path}: no such file; check the path")


def read_raw(path: Path, choose: Choose) -> pd.DataFrame:
    """Read the columns of a ratings file that `choose` picks from all its columns.

    Args:
        path: A file with one of the endings `TABLES`; `.gz` of a text one; a `.zip` of one table.
        choose: Called with the names of all columns; returns those to read.

    Returns:
        The rows. The index is named after what it counts: the file's `line`, or the `row` (from 0).

    Raises:
        NaspError: The file is missing, of an unknown kind, damaged or empty.
    """
    check_file(path)
    try:
        kind, data = _unpack(path)
        if kind == ".parquet":
            return _read_parquet(data, choose)
    except NaspError:
        raise
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise NaspError(f"{path} is damaged or unreadable ({reason}); get it anew") from error
    return _read_text(data, str(path), choose)


def _unpack(path: Path) -> tuple[str, bytes]:
    """Return the ending of the table in `path`, and its bytes."""
    kind = path.suffix.lower()
    if kind == ".gz" and Path(path.stem).suffix.lower() in TEXT:
        return Path(path.stem).suffix.lower(), gzip.decompress(path.read_bytes())
    if kind == ".zip":
        with zipfile.ZipFile(path) as archive:
            member = _only_table(archive.namelist(), path)
            return PurePosixPath(member).suffix.lower(), archive.read(member)
    if kind not in TABLES:
        known = ", ".join((*TABLES, ".zip"))
        raise NaspError(f"{path}: unknown ending {kind!r}; known are {known}, and .gz of text")
    return kind, path.read_bytes()


def _only_table(members: list[str], path: Path) -> str:
    """Return the one ratings file of an archive; of several, the one with a usual name."""
    tables = [name for name in members if PurePosixPath(name).suffix.lower() in TABLES]
    usual = [name for name in tables if re.fullmatch(r"ratings\..*|u\.data", Path(name).name)]
    tables = usual or tables
    if len(tables) != 1:
        listed = ", ".join(tables) or "none"
        raise NaspError(f"{path}: one ratings file is needed in it, found: {listed}; unpack it")
    return tables[0]


def _read_parquet(data: bytes, choose: Choose) -> pd.DataFrame:
    file = parquet.ParquetFile(pa.BufferReader(data))
    table = file.read(columns=list(choose(file.schema_arrow.names)))
    return pd.DataFrame(table.to_pandas(ignore_metadata=True)).rename_axis(index="row")


def _read_text(data: bytes, source: str, choose: Choose) -> pd.DataFrame:
    """Read delimited text; a first line with a number in it is data, in MovieLens's order."""
    data = data.removeprefix(codecs.BOM_UTF8)
    start = re.search(rb"[^\r\n]{1,100000}", data)
    if start is None:
        raise NaspError(f"{source} is empty; it should hold ratings")
    line = data.count(b"\n", 0, start.start()) + 1
    first = start.group().decode(errors="replace")
    delimiter = max(DELIMITERS, key=first.count)
    if delimiter not in first:
        raise NaspError(
            f"{source}, line {line}: one column only ({first[:40]!r}); "
            "separate the columns with a comma, tab, semicolon, | or ::"
        )
    if delimiter == "::":  # the parser takes one character
        data, first, delimiter = data.replace(b"::", b"\t"), first.replace("::", "\t"), "\t"
    names = next(csv.reader([first], delimiter=delimiter))
    if any(map(_is_number, names)):
        names = [*MOVIELENS_ORDER, *map(str, range(5, len(names) + 1))][: len(names)]
    else:
        names = [re.sub(r":(token|float)(_seq)?$", "", name.strip()) for name in names]
        line += 1
    options = arrow_csv.ReadOptions(column_names=names, skip_rows=line - 1, use_threads=False)
    table = _parse(data, source, delimiter, options, choose(names))
    for field in table.schema:
        if pa.types.is_binary(field.type):
            raise NaspError(f"{source}, column {field.name}: not UTF-8 text; convert the file")
    lines = np.arange(line, line + len(table))
    if all(column.null_count for column in table.columns):
        filled = np.any([column.is_valid().to_numpy() for column in table.columns], axis=0)
        table, lines = table.filter(pa.array(filled)), lines[filled]  # blank lines
    frame: pd.DataFrame = table.to_pandas()
    return frame.set_index(pd.Index(lines, name="line"))


def _parse(
    data: bytes,
    source: str,
    delimiter: str,
    options: arrow_csv.ReadOptions,
    wanted: Collection[str],
) -> pa.Table:
    """Parse the wanted columns; only an empty field is missing, so that an id `NA` is an id."""
    try:
        return arrow_csv.read_csv(
            io.BytesIO(data),
            options,
            arrow_csv.ParseOptions(
                delimiter=delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,  # blank lines count: messages give line numbers
            ),
            arrow_csv.ConvertOptions(
                null_values=[""], strings_can_be_null=True, include_columns=list(wanted)
            ),
        )
    except ValueError as error:
        reason = str(error).splitlines()[0].removeprefix("CSV parse error: ")
        reason = reason.replace("Row #", "line ")
        raise NaspError(f"{source} cannot be read as text: {reason}; mend this place") from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
