"""Delimited text, read block by block; a table in it may be of any size."""

import codecs
import csv
import re
from collections.abc import Callable, Collection, Iterator
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv

from nasp.core.errors import NaspError

DELIMITERS = ("::", "\t", ";", "|", ",")
MOVIELENS_ORDER = ("user", "item", "rating", "timestamp")
HEAD = 1 << 20  # bytes in which the first line must lie
BLOCK_BYTES = 1 << 25

Choose = Callable[[list[str]], Collection[str]]


def read_text(
    open_file: Callable[[], IO[bytes]], source: str, choose: Choose
) -> Iterator[pd.DataFrame]:
    """Read delimited text; a first line with a number in it is data, in MovieLens's order.

    Args:
        open_file: Opens the text, at its beginning.
        source: Its name, for messages.
        choose: Called with the names of all columns, before the first block; returns those to read.

    Yields:
        Blocks of rows, all values strings, indexed by the `line` of the file. Only an empty field
        is missing, so that an id `NA` is an id.

    Raises:
        NaspError: The text is empty, of one column, not UTF-8, or a line has too many fields or
            too few.
    """
    with open_file() as file:
        head = file.read(HEAD).removeprefix(codecs.BOM_UTF8)
    names, delimiter, skipped = _layout(head, source)
    wanted = list(choose(names))
    with open_file() as file:
        # The parser takes a delimiter of one character.
        stream = _TwoColons(file) if delimiter == "::" else file
        line = skipped + 1
        for batch in _batches(
            stream, source, "\t" if delimiter == "::" else delimiter, names, skipped, wanted
        ):
            lines = np.arange(line, line + len(batch))
            line += len(batch)
            yield _frame(batch, lines, source)


def _layout(head: bytes, source: str) -> tuple[list[str], str, int]:
    """The names of the columns, their delimiter, and the lines before the first rating."""
    start = re.search(rb"[^\r\n]{1,100000}", head)
    if start is None:
        raise NaspError(f"{source} is empty; it should hold ratings")
    skipped = head.count(b"\n", 0, start.start())
    first = start.group().decode(errors="replace")
    delimiter = max(DELIMITERS, key=first.count)
    if delimiter not in first:
        raise NaspError(
            f"{source}, line {skipped + 1}: one column only ({first[:40]!r}); "
            "separate the columns with a comma, tab, semicolon, | or ::"
        )
    names = (
        next(csv.reader([first.replace("::", "\t")], delimiter="\t"))
        if (delimiter == "::")
        else next(csv.reader([first], delimiter=delimiter))
    )
    if any(map(_is_number, names)):
        names = [*MOVIELENS_ORDER, *map(str, range(5, len(names) + 1))][: len(names)]
        return names, delimiter, skipped
    names = [re.sub(r":(token|float)(_seq)?$", "", name.strip()) for name in names]
    return names, delimiter, skipped + 1


def _batches(
    stream: object,
    source: str,
    delimiter: str,
    names: list[str],
    skipped: int,
    wanted: list[str],
) -> Iterator[pa.RecordBatch]:
    """Parse the wanted columns as bytes."""
    try:
        reader = arrow_csv.open_csv(
            pa.PythonFile(stream, mode="r"),
            arrow_csv.ReadOptions(
                column_names=names, skip_rows=skipped, use_threads=False, block_size=BLOCK_BYTES
            ),
            arrow_csv.ParseOptions(
                delimiter=delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,  # blank lines count: messages give line numbers
            ),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, pa.binary()),
                null_values=[""],
                strings_can_be_null=True,
                include_columns=wanted,
            ),
        )
        yield from reader
    except pa.ArrowInvalid as error:
        reason = str(error).splitlines()[0].removeprefix("CSV parse error: ")
        if "Empty CSV file" in reason:
            return  # a header alone
        reason = reason.replace("Row #", "line ")
        raise NaspError(f"{source} cannot be read as text: {reason}; mend this place") from error


def _frame(batch: pa.RecordBatch, lines: np.ndarray, source: str) -> pd.DataFrame:
    """The rows of a batch that are not blank, as strings."""
    columns = {}
    for field, column in zip(batch.schema, batch.columns, strict=True):
        try:
            columns[field.name] = column.cast(pa.string())
        except pa.ArrowInvalid as error:
            raise NaspError(
                f"{source}, column {field.name}: not UTF-8 text; convert the file"
            ) from error
    frame = pd.DataFrame(pa.table(columns).to_pandas())
    frame = frame.set_index(pd.Index(lines, name="line"))
    if all(column.null_count for column in batch.columns):
        frame = frame.dropna(how="all")
    return frame


class _TwoColons:
    """A file with a tab for each `::`."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.rest = file, b""

    def read(self, size: int = -1) -> bytes:
        while True:
            data = self.file.read(size - len(self.rest) if size > len(self.rest) else size)
            whole = (self.rest + data).rstrip(b":") if data else self.rest
            self.rest = (self.rest + data)[len(whole) :]
            if whole or not data:
                return whole.replace(b"::", b"\t")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
