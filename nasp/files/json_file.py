"""A strict reader of JSON, which refuses anything else with a one-line message."""

import json
import math
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from nasp.atomic_io import check_regular
from nasp.errors import NaspError

LARGEST = 1 << 26  # bytes
DIGITS = 40  # of a whole number, far more than any value here has

Value = TypeVar("Value", bound=Hashable)


def read_json(path: Path, noun: str) -> Any:
    """Read a JSON file.

    Args:
        path: The file.
        noun: What the file should be, for messages.

    Raises:
        NaspError: The file is missing, not a regular file, too large, not UTF-8, or refused by
            `parse_json`.
    """
    check_regular(path, noun)
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise NaspError(f"{path}: cannot read the {noun} ({error.strerror})") from error
    if len(data) > LARGEST:
        raise NaspError(f"{path}: larger than {LARGEST >> 20} MB, so no {noun}: give another")
    try:
        return parse_json(data.decode("utf-8-sig"), str(path), noun)
    except UnicodeDecodeError as error:
        raise NaspError(
            f"{path}: byte {error.start + 1} is not UTF-8: save the {noun} as UTF-8"
        ) from error


def parse_json(text: str, source: str, noun: str) -> Any:
    """Parse JSON text, strictly.

    Args:
        text: The text.
        source: The text's origin, for messages.
        noun: What the text should be, for messages.

    Raises:
        NaspError: The text is not JSON, is nested too deeply, repeats a key, or has a number that
            is not finite or has too many digits.
    """
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=_constant,
        )
        if "\\ud" in text.lower():  # half of a surrogate pair, which cannot be encoded
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise NaspError(f"{source}: nested too deeply to be a {noun}: give another") from None
    except ValueError as error:
        raise NaspError(f"{source}: not a {noun}: {error}") from error
    return value


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        twice = first_repeated(key for key, _ in pairs)
        raise ValueError(f"the key {twice!r} occurs twice: keep one")
    return value


def _integer(digits: str) -> int:
    if len(digits) > DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"the number {digits[:DIGITS]} is too large")
    return value


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def first_repeated(values: Iterable[Value]) -> Value | None:
    """Return the first value that occurs a second time, or None."""
    seen: set[Value] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None
