"""The layout of a table, given by its format or guessed from its first lines."""

import codecs
import csv
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

from nasp.errors import NaspError
from sif.data.columns import Columns, roles_named

DELIMITERS = ("::", "\t", ";", "|", ",")
BLANKS = " "  # as a delimiter it stands for any run of blanks
HEAD = 1 << 20  # bytes of the head of a file, which must contain the first line
LONGEST = 100_000  # largest length of the first line, in bytes
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")


@dataclass
class Reading:
    """Options of reading a table of ratings.

    Attributes:
        header: Whether the first line names the columns, yes or no; null guesses.
        encoding: Encoding of a text file, for example latin-1 or utf-16; null guesses.
        item_lists: Whether each line of a text is a user and its items, yes or no; null guesses.
        table: Table of a database, or sheet of a workbook; required if there are several.
        drop_ratings: Values that stand for "no rating"; their rows are dropped.
        repeats: How several ratings of the same user and item are combined: the last or the first
            of them (by time, else by row), or their mean, sum or max.
    """

    header: bool | None = None
    encoding: str | None = None
    item_lists: bool | None = None
    table: str | None = None
    drop_ratings: tuple[float, ...] = ()
    repeats: Literal["last", "first", "mean", "sum", "max"] = "last"


@dataclass(frozen=True)
class Layout:
    """The columns of a file.

    Attributes:
        names: Names of all columns; `1`, `2` and so on if the file has none.
        header: Whether the names are the file's own.
        text: Whether all values are texts, so that the types of ids must be guessed.
        note: Message on further guesses.
        columns: The format's own roles of columns, which count if the user names none.
    """

    names: list[str]
    header: bool = True
    text: bool = False
    note: str = ""
    columns: Columns = Columns()  # noqa: RUF009 (frozen)


Choose = Callable[[Layout], Collection[str]]


def layout_of(first: list[str], reading: Reading, columns: Columns, note: str = "") -> Layout:
    """Return the layout of a text table or sheet, given the fields of its first line.

    A line with a number counts as a rating, unless other fields are names of columns.
    """
    header = reading.header
    if header is None:
        header = not any(map(NUMBER.fullmatch, first)) or roles_named(first, columns)
        if first == [str(n) for n in range(len(first))]:  # pandas' names for columns without any
            doubt = (
                f"line 1 ({', '.join(first)}) is taken for a rating: --header yes if it is a header"
            )
            note = "; ".join(filter(None, (note, doubt)))
    if not header:
        return Layout([str(n + 1) for n in range(len(first))], header=False, text=True, note=note)
    names = [name.strip() for name in first]
    if all(re.fullmatch(r"[^:]+:\w+", name) for name in names):  # RecBole's `user_id:token`
        names = [name.partition(":")[0] for name in names]
    return Layout(names, text=True, note=note)


def first_line(head: bytes, source: str) -> tuple[list[str], str, int]:
    """Return the first line's fields, its delimiter, and the number of blank lines before it.

    The delimiter includes a blank after it if every one in the first line has a blank after it.

    Args:
        head: The beginning of the text, in UTF-8.
        source: The file's name, for messages.

    Raises:
        NaspError: There is no line, or it is too long, not text, or has a single field.
    """
    start = re.search(rb"[^\r\n]+", head)
    if start is None:
        raise NaspError(f"{source} is empty; it should hold ratings")
    if len(start.group()) > LONGEST:
        raise NaspError(
            f"{source}: its first line is longer than {LONGEST:,} bytes; is it a table of ratings, "
            "a line for each? A user × item matrix is melted first, with pandas.melt for example"
        )
    if b"\0" in start.group():
        raise NaspError(
            f"{source} holds NUL bytes: it is no text, or text of an encoding that is given with "
            "--encoding, utf-16-le for example"
        )
    skipped = head.count(b"\n", 0, start.start())
    first = start.group().decode(errors="replace")
    bare = re.sub('"[^"]*"', "", first)
    delimiter = max(DELIMITERS, key=bare.count)
    if delimiter not in bare:
        delimiter = BLANKS
        if len(first.split()) == 1:
            raise NaspError(
                f"{source}, line {skipped + 1}: one column only ({first[:40]!r}); "
                "separate the columns with a comma, tab, semicolon, |, :: or blanks"
            )
        return first.split(), delimiter, skipped
    if delimiter == "::":
        return next(csv.reader([first.replace("::", "\t")], delimiter="\t")), delimiter, skipped
    spaced = delimiter != "\t" and bare.count(delimiter) == bare.count(delimiter + " ")
    fields = next(csv.reader([first], delimiter=delimiter, skipinitialspace=spaced))
    return fields, delimiter + " " * spaced, skipped


def guess_encoding(head: bytes) -> tuple[str, str]:
    """Guess the encoding of a text from its beginning, with a message if it is not UTF-8."""
    for mark, name in BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return name, "" if name == "utf-8" else f"encoding {name}"
    if len(head) > 3:
        zeros = [head[side:1000:2].count(0) * 4 > len(head[side:1000:2]) for side in (0, 1)]
        if any(zeros) and not all(zeros):
            name = "utf-16-be" if zeros[0] else "utf-16-le"
            return name, f"encoding {name} (a guess)"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # its last character may be cut
    except UnicodeDecodeError:
        return "latin-1", "encoding latin-1 (a guess: it is not UTF-8; --encoding names another)"
    return "utf-8", ""
