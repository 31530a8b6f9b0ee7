"""A reader of delimited text of any size, block by block."""

import codecs
from collections.abc import Callable, Iterator
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from nasp.errors import NaspError
from sif.data.columns import Columns
from sif.data.layout import (
    BLANKS,
    HEAD,
    Choose,
    Layout,
    Reading,
    first_line,
    guess_encoding,
    layout_of,
)
from sif.data.parser_input import Stream, chunks_of, tabs_for_blanks, tabs_for_colons

BLOCK_BYTES = 1 << 25


def read_text(
    open_file: Callable[[], IO[bytes]],
    source: str,
    choose: Choose,
    reading: Reading,
    columns: Columns,
) -> Iterator[pd.DataFrame]:
    """Read delimited text.

    Args:
        open_file: Opens the text at its beginning.
        source: The file's name, for messages.
        choose: Returns the columns to read, given the layout; called before the first block.
        reading: Options of reading.
        columns: The user's columns.

    Yields:
        Blocks of rows, with strings as values, indexed by `line` of the file. Only an empty field
        counts as missing, so `NA` can be an id.

    Raises:
        NaspError: The text is empty, has a single column or another encoding, or a line has too
            many or too few fields.
    """
    with open_file() as file:
        head = file.read(HEAD)
    encoding, note = _encoding(head, reading.encoding)
    # The head may end within a character.
    decoded = head if encoding == "utf-8" else head.decode(encoding, errors="ignore").encode()
    first, delimiter, skipped = first_line(decoded.removeprefix(codecs.BOM_UTF8), source)
    layout = layout_of(first, reading, columns, note)
    wanted = list(choose(layout))
    skipped += layout.header
    with open_file() as file:
        stream = _stream(file, encoding, delimiter, source)
        parse = arrow_csv.ParseOptions(
            delimiter="\t" if delimiter in ("::", BLANKS) else delimiter.strip(" "),
            escape_char="\\" if b'\\"' in decoded else False,
            newlines_in_values=True,
            ignore_empty_lines=False,  # messages give line numbers, which count blank lines
        )
        line = skipped + 1
        for batch in _batches(stream, source, parse, layout, skipped, wanted):
            lines = np.arange(line, line + len(batch))
            line += len(batch)
            yield _frame(batch, lines, source, trimmed=delimiter.endswith(" "))


def _encoding(head: bytes, given: str | None) -> tuple[str, str]:
    """Return the text's encoding, with a message if it was guessed."""
    if given is None:
        return guess_encoding(head)
    try:
        b"a".decode(given, errors="ignore")
        name = codecs.lookup(given).name
    except (LookupError, ValueError) as error:
        raise NaspError(
            f"--encoding {given}: unknown; give utf-8, utf-16, latin-1 or cp1252 for example"
        ) from error
    return name, ""


def _stream(file: IO[bytes], encoding: str, delimiter: str, source: str) -> IO[bytes] | Stream:
    """Return the text in UTF-8, with tabs in place of delimiters that the parser does not know."""
    if encoding == "utf-8" and delimiter not in ("::", BLANKS):
        return file
    chunks = chunks_of(file, encoding)
    if delimiter == "::":
        chunks = tabs_for_colons(chunks)
    elif delimiter == BLANKS:
        chunks = tabs_for_blanks(chunks, source)
    return Stream(chunks)


def _batches(
    stream: IO[bytes] | Stream,
    source: str,
    parse: arrow_csv.ParseOptions,
    layout: Layout,
    skipped: int,
    wanted: list[str],
) -> Iterator[pa.RecordBatch]:
    """Parse the wanted columns as bytes."""
    try:
        reader = arrow_csv.open_csv(
            pa.PythonFile(stream, mode="r"),
            arrow_csv.ReadOptions(
                column_names=layout.names,
                skip_rows=skipped,
                use_threads=False,
                block_size=BLOCK_BYTES,
            ),
            parse,
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
        if "Empty CSV file" in reason or "Could not skip initial" in reason:
            return  # only a header
        if "straddl" in reason:
            reason = f"a row is longer than {BLOCK_BYTES:,} bytes (a quote that is not closed?)"
        reason = reason.replace("Row #", "line ")
        if "Expected" in reason and parse.delimiter == "\t":
            reason += " (give --item_lists yes if each line is a user and its items)"
        raise NaspError(f"{source} cannot be read as text: {reason}; correct it") from error


def _frame(batch: pa.RecordBatch, lines: np.ndarray, source: str, trimmed: bool) -> pd.DataFrame:
    """Return the non-blank rows of a batch as strings, without leading blanks if `trimmed`."""
    columns = {}
    for field, column in zip(batch.schema, batch.columns, strict=True):
        try:
            column = column.cast(pa.string())
            columns[field.name] = pc.utf8_ltrim(column, " ") if trimmed else column
        except pa.ArrowInvalid as error:
            raise NaspError(
                f"{source}, column {field.name}: not UTF-8 text; give its encoding, "
                "--encoding latin-1 for example"
            ) from error
    frame = pd.DataFrame(pa.table(columns).to_pandas())
    frame = frame.set_index(pd.Index(lines, name="line"))
    if all(column.null_count for column in batch.columns):
        frame = frame.dropna(how="all")
    return frame
