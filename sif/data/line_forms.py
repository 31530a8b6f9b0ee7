"""Texts that are no tables: lines of a user and its items, and instances of libfm."""

import re
from collections.abc import Callable, Iterator
from itertools import chain
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from nasp.errors import NaspError
from sif.data.columns import Columns
from sif.data.layout import HEAD, Choose, Layout, Reading
from sif.data.numbers import EXACT
from sif.data.order import SCALE

Open = Callable[[], IO[bytes]]
Reader = Callable[[Open, str, Choose], Iterator[pd.DataFrame]]

BLOCK_BYTES = 1 << 25
INTEGERS = re.compile(rb"\s*\d+(\s+\d+)*\s*")
INSTANCE = re.compile(rb"\s*[+-]?[\d.]+(\s+\d+:[\d.]+){2,}\s*")
ID = r"^(0|[1-9][0-9]{0,17})\z"


def line_form(open_file: Open, reading: Reading, columns: Columns) -> Reader | None:
    """Return the reader of a text that is no table; None for a table.

    Args:
        open_file: Opens the text at its beginning.
        reading: Options of reading.
        columns: The user's columns; if there are any, the text is a table or libfm's.
    """
    if reading.item_lists or reading.header:
        return read_item_lists if reading.item_lists else None
    with open_file() as file:
        head = file.read(HEAD)
    lines = head.splitlines()
    if len(head) == HEAD:
        lines.pop()  # it may be cut
    lines = [line for line in lines if line.strip()]
    if lines and all(map(INSTANCE.fullmatch, lines)):
        return read_libfm
    if reading.item_lists is None and not columns.given and are_item_lists(lines):
        return read_item_lists
    return None


def are_item_lists(lines: list[bytes]) -> bool:
    """Whether each line holds a user and all of its items, and is not a row of a table.

    A user has one line only, whereas it has several rows in a table. Besides, the lines must have
    different lengths; or, if all have the same one, the third column must have more values than a
    scale of ratings.

    Args:
        lines: Lines that are not blank.
    """
    if not all(map(INTEGERS.fullmatch, lines)):
        return False
    rows = [line.split() for line in lines]
    lengths = {len(row) for row in rows}
    if len({row[0] for row in rows}) < len(rows) or lengths <= {1}:
        return False
    if len(lengths) > 1:
        return True
    third = {int(row[2]) for row in rows if len(row) > 2}
    return len(third) > SCALE and max(third) < EXACT  # larger numbers are times


def read_item_lists(open_file: Open, source: str, choose: Choose) -> Iterator[pd.DataFrame]:
    """Read lines `user item item …`, as LightGCN's data have them, as pairs of user and item.

    A line with the user only stands for a user without items.

    Yields:
        Blocks of rows, indexed by `line` of the file.

    Raises:
        NaspError: A user or an item is not a whole number.
    """
    note = "each line is a user and its items (--item_lists no if not)"
    wanted = list(choose(Layout(["user", "item"], note=note)))
    for numbers, rows in _rows(open_file):
        lengths = np.array([len(row) for row in rows])
        expected = "a user and its items are whole numbers; give --item_lists no for a table"
        values = _integers(rows, numbers, source, expected)
        users = np.cumsum(lengths) - lengths
        columns = {
            "user": np.repeat(values[users], lengths - 1),
            "item": np.delete(values, users),
        }
        index = pd.Index(np.repeat(numbers, lengths - 1), name="line")
        yield pd.DataFrame({name: columns[name] for name in wanted}, index)


def read_libfm(open_file: Open, source: str, choose: Choose) -> Iterator[pd.DataFrame]:
    """Read lines `label feature:1 feature:1 …`, with as many features in each.

    The first feature is the user, the second one the item, and the others are contexts. Their
    numbers are the ids.

    Yields:
        Blocks of rows, indexed by `line` of the file.

    Raises:
        NaspError: A line has more or fewer features, or a feature another value than 1.
    """
    with open_file() as file:
        first = next(line for line in file if line.strip())
    fields = [f"field{number}" for number in range(1, len(first.split()))]
    user, item, *contexts = fields
    own = Columns(user, item, "label", contexts=tuple(contexts))
    note = f"libfm, {len(fields)} fields"
    wanted = list(choose(Layout(["label", *fields], note=note, columns=own)))
    for numbers, rows in _rows(open_file):
        lengths = np.array([len(row) for row in rows]) - 1
        if (other := lengths != len(fields)).any():
            at = int(other.argmax())
            raise NaspError(
                f"{source}, line {numbers[at]}: {lengths[at]} features, where the first line has "
                f"{len(fields)}; each line needs one feature of each field"
            )
        features = [row[1:] for row in rows]
        expected = "features are written number:1"
        values = _integers(features, numbers, source, expected, r":1(\.0*)?\z")
        columns = dict(zip(fields, values.reshape(-1, len(fields)).T, strict=True))
        columns["label"] = pa.array([row[0] for row in rows], pa.string()).to_pandas()
        frame = pd.DataFrame({name: columns[name] for name in wanted})
        yield frame.set_axis(pd.Index(numbers, name="line"))


def _rows(open_file: Open) -> Iterator[tuple[np.ndarray, list[list[bytes]]]]:
    """Yield blocks of lines that are not blank: their numbers `(lines,)`, and their words."""
    with open_file() as file:
        start = 1
        while lines := file.readlines(BLOCK_BYTES):
            rows = [line.split() for line in lines]
            held = np.array([bool(row) for row in rows])
            numbers = np.arange(start, start + len(lines))
            start += len(lines)
            yield numbers[held], [row for row in rows if row]


def _integers(
    rows: list[list[bytes]], numbers: np.ndarray, source: str, expected: str, ending: str = ""
) -> np.ndarray:
    """Return the words of rows as int64, after the removal of their `ending`.

    Raises:
        NaspError: A word is no whole number; `expected` says what it should be.
    """
    try:
        words = pa.array(list(chain.from_iterable(rows)), pa.binary()).cast(pa.string())
    except pa.ArrowInvalid as error:
        raise NaspError(f"{source}: not UTF-8 text; {expected}") from error
    plain = pc.replace_substring_regex(words, ending, "") if ending else words
    right = pc.match_substring_regex(plain, ID).to_numpy(zero_copy_only=False)
    if not right.all():
        at = int(right.argmin())
        row = int(np.searchsorted(np.cumsum([len(row) for row in rows]), at, side="right"))
        raise NaspError(f"{source}, line {numbers[row]}: {words[at].as_py()[:40]!r}: {expected}")
    integers: np.ndarray = plain.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return integers
