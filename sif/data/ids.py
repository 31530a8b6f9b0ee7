"""Ids: their types, and their positions among known ids.

An id is an integer or a text. The integer 12 and the text `12` are the same id; `012` and `12.0`
are others. A column holds integers if all of its ids are integers, and texts otherwise.
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from nasp.errors import NaspError
from sif.data.store import BLOCK, Spool, Table

EXACT = 2**53  # larger whole numbers are not exact as floats
PLAIN = r"^(0|-?[1-9][0-9]{0,18})\z"  # matches `str` of an integer
NESTED = {list: "list", np.ndarray: "list", dict: "mapping", set: "set"}


def find_ids(values: Any, known: pd.Index, place: str) -> np.ndarray:
    """Return the positions of ids, of any type, among known ids.

    Args:
        values: Ids: a list, an array, a series or an index of integers, texts, or values that can
            be converted to text (UUID, Timestamp, date, tuple, Decimal, bytes …).
        known: The distinct ids of a column, integers or texts.
        place: Name of the values, for messages.

    Returns:
        Positions in `known`, int64 `(values,)`; -1 for an unknown or missing id.

    Raises:
        NaspError: A value is a list, a mapping, a set, or bytes that are not text.
    """
    column = values if isinstance(values, pd.Series) else pd.Series(values)
    missing = column.isna().to_numpy()
    given = plain_ids(column[~missing], place)
    found = np.full(len(column), -1, np.int64)
    if given.dtype.kind == "f" and _is_integer(known):
        numbers = given.to_numpy()
        whole = (np.abs(numbers) < EXACT) & (numbers == np.floor(numbers))
        at = np.flatnonzero(~missing)[whole]
        found[at] = known.get_indexer(pd.Index(numbers[whole].astype(np.int64)))
        return found
    ids = pd.Index(whole_numbers(given))
    if _is_integer(ids) and not _is_integer(known):
        ids = as_texts(ids)
    elif _is_integer(known) and not _is_integer(ids):
        codes, distinct = pd.factorize(ids)
        found[~missing] = _find_integers(pa.array(distinct, pa.string()), known)[codes]
        return found
    found[~missing] = known.get_indexer(ids)
    return found


def joined_ids(known: pd.Index, values: pd.Series, place: str) -> pd.Index:
    """Return known ids and the ids of a column, sorted, each once, of the type of the known ones.

    Args:
        known: The distinct ids of a column, integers or texts.
        values: Further ids, none of them missing; texts that are no integers are left out if the
            known ids are integers.
        place: Name of the values, for messages.
    """
    ids = pd.Index(whole_numbers(plain_ids(values[find_ids(values, known, place) < 0], place)))
    if _is_integer(known) and not _is_integer(ids):
        plain = pc.match_substring_regex(pa.array(ids, pa.string()), PLAIN).to_pylist()
        numbers = [int(text) for text, is_plain in zip(ids, plain, strict=True) if is_plain]
        ids = pd.Index([n for n in numbers if -(2**63) <= n < 2**63], dtype=np.int64)
    elif not _is_integer(known):
        ids = as_texts(ids)
    return known.union(ids)


def report_unknown_ids(
    positions: np.ndarray, values: Any, known: pd.Index, place: str, *, strict: bool = True
) -> None:
    """Raise an error if all ids are unknown, and warn if some are.

    Args:
        positions: The result of `find_ids`.
        values: The ids.
        known: The known ids.
        place: Name of the values, for messages.
        strict: Whether it is an error that all ids are unknown, and not a reason to warn.

    Raises:
        NaspError: There are values, and all of them are unknown.
    """
    unknown = int((positions < 0).sum())
    if not unknown:
        return
    first = _shown(pd.Series(values).iloc[int(np.argmax(positions < 0))])
    if strict and unknown == len(positions):
        sample = f"{_shown(known[0])} for example" if len(known) else "there are none"
        raise NaspError(
            f"{place}: no id is known, {first} for example; known ids look different "
            f"({sample}): check the column, and that both tables write ids alike"
        )
    warnings.warn(
        f"{place}: {unknown} of {len(positions)} ids are not known, {first} for example",
        stacklevel=3,
    )


def new_ids(values: pd.Series, known: pd.Index, place: str) -> pd.Index:
    """Return ids that are not known, with the type of the known ones.

    Raises:
        NaspError: The known ids are integers, and one of these is not.
    """
    ids: pd.Index = pd.Index(whole_numbers(plain_ids(values, place), place))
    if not _is_integer(known):
        return as_texts(ids)
    if _is_integer(ids):
        return ids
    wrong = ~ids.astype("str").str.match(PLAIN.replace(r"\z", r"\Z"))
    if wrong.any():
        raise NaspError(f"{place}: {_shown(ids[wrong][0])} is no whole number, as known ids are")
    numbers: pd.Index = pd.Index(ids.astype(np.int64))
    return numbers


def align_id_types(*tables: Table) -> tuple[Table, ...]:
    """Convert the ids of a column to texts in all tables if they are texts in any of them."""
    columns = list(zip(*(table.ids for table in tables), strict=True))
    as_text = [len({_is_integer(ids) for ids in column if len(ids)}) > 1 for column in columns]
    return tuple(_with_texts(table, as_text) for table in tables)


def present_ids(table: Table, entity: int) -> pd.Index:
    """Return the sorted ids of an entity that the rows of a table have."""
    present = np.zeros(len(table.ids[entity]), bool)
    present[table.code(entity)] = True
    return table.ids[entity][present]


def report_unseen_ids(part: Table, train: Table, name: str) -> None:
    """Report ids of a part that are not in training; see `report_unknown_ids`.

    Args:
        part: Ratings with the same columns and types of ids as `train`.
        train: The training ratings.
        name: Name of the part, for messages.

    Raises:
        NaspError: A column of the part has no id that is in training.
    """
    for entity, column in enumerate(train.columns):
        ids, known = present_ids(part, entity), present_ids(train, entity)
        place = f"{name} ratings, column {column}"
        report_unknown_ids(find_ids(ids, known, place), ids, known, place)


def unseen_ids(part: Table, train: Table) -> str:
    """Return the number of ids of a part that are not in training, `2 of 7 ids of item`.

    Args:
        part: Rows of the table of which `train` is another part.
        train: The training rows.
    """
    counts = []
    for entity, column in enumerate(train.columns):
        ids = present_ids(part, entity)
        if unknown := len(ids.difference(present_ids(train, entity))):
            counts.append(f"{unknown:,} of {len(ids):,} ids of {column}")
    return " and ".join(counts)


def plain_ids(column: pd.Series, place: str) -> pd.Series:
    """Return ids, none of which may be missing, as integers, float64 or texts.

    Args:
        column: A series of any dtype.
        place: The table and the column, for messages.

    Raises:
        NaspError: A value is a list, a mapping, a set, or bytes that are not text.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if isinstance(column.dtype, pd.StringDtype):
        return column.astype("str")
    values = pd.Series(column.to_numpy(), column.index)
    if values.dtype.kind == "O":
        values = values.infer_objects()
    if isinstance(values.dtype, pd.StringDtype):
        return values.astype("str")
    if values.dtype.kind == "f":
        return values.astype(np.float64)
    if values.dtype.kind == "i":
        return values
    if values.dtype.kind == "u" and (not len(values) or values.max() < 2**63):
        return values.astype(np.int64)
    return pd.Series([_text(v, place) for v in values.tolist()], column.index, dtype="str")


def whole_numbers(ids: pd.Series, place: str = "ids") -> pd.Series:
    """Return floats as int64 if all are whole, else as texts; return other ids unchanged.

    Raises:
        NaspError: They are whole numbers that are too large to be exact.
    """
    if ids.dtype.kind != "f":
        return ids
    values = ids.to_numpy()
    if not np.all(np.isfinite(values) & (values == np.floor(values))):
        return ids.astype("str")
    if np.any(np.abs(values) >= EXACT):
        raise NaspError(f"{place}: ids of 16 digits or more need text")
    return ids.astype(np.int64)


def read_ids(column: pa.Array) -> pd.Series:
    """Return the ids of a text file as integers if all of them are, else as texts."""
    if pc.all(pc.match_substring_regex(column, PLAIN)).as_py():
        try:
            return pd.Series(column.cast(pa.int64()).to_pandas())
        except pa.ArrowInvalid:  # beyond int64
            pass
    return pd.Series(column.to_pandas()).astype("str")


def as_texts(ids: pd.Index | pd.Series) -> pd.Index:
    """Return integers or texts as texts."""
    named = pa.array(ids.to_numpy()).cast(pa.string()).to_pandas() if _is_integer(ids) else ids
    index: pd.Index = pd.Index(named)
    return index


def _shown(value: Any) -> str:
    return " ".join(str(value).split())[:60]


def _text(value: Any, place: str) -> str:
    if (nested := NESTED.get(type(value))) is not None:
        raise NaspError(
            f"{place}: a {nested} is not an id; convert it to text, or name another column"
        )
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise NaspError(f"{place}: {value[:20]!r} is not UTF-8 text; convert it") from error
    if isinstance(value, tuple):
        value = tuple(v.item() if isinstance(v, np.generic) else v for v in value)
    return str(value)


def _is_integer(ids: pd.Index | pd.Series) -> bool:
    return bool(ids.dtype.kind == "i")


def _find_integers(distinct: pa.Array, known: pd.Index) -> np.ndarray:
    """Return the positions of texts of integers among known integers, -1 for other texts."""
    plain = pc.match_substring_regex(distinct, PLAIN).to_pylist()
    numbers = [int(t) if p else 2**63 for t, p in zip(distinct.to_pylist(), plain, strict=True)]
    held = np.array([-(2**63) <= n < 2**63 for n in numbers], bool)
    found = np.full(len(numbers), -1, np.int64)
    wanted = np.array(numbers, object)[held].astype(np.int64)
    found[held] = known.get_indexer(pd.Index(wanted))
    return found


def _with_texts(table: Table, as_text: Sequence[bool]) -> Table:
    """Convert the ids of some columns of a table to texts."""
    if not any(wanted and _is_integer(i) for i, wanted in zip(table.ids, as_text, strict=True)):
        return table
    ids, codes = list(table.ids), list(table.codes)
    for entity, wanted in enumerate(as_text):
        if wanted and _is_integer(ids[entity]):
            names = as_texts(ids[entity])
            ids[entity] = names.sort_values()
            positions = ids[entity].get_indexer(names).astype(np.int32)
            spool = Spool(np.int32)
            for start in range(0, len(codes[entity]), BLOCK):
                spool.append(positions[codes[entity][start : start + BLOCK]])
            codes[entity] = spool.finish()
    return replace(table, ids=tuple(ids), codes=tuple(codes))
