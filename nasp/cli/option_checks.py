"""Checks of types and bounds of options, with uniform messages."""

import dataclasses
from collections.abc import Collection
from numbers import Integral, Real
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from nasp.errors import NaspError, check_known

MANY = 10**6  # largest number of epochs or trials
WIDE = 1 << 16  # largest number of channels or units
DEEP = 1 << 10  # largest number of layers


def check_types(options: Any) -> None:
    """Check that the fields of a dataclass have their declared types.

    Integers are accepted as floats, and NumPy's numbers as Python's.

    Raises:
        NaspError: A field has another type.
    """
    kinds = get_type_hints(type(options))
    for field in dataclasses.fields(options):
        value, kind = getattr(options, field.name), kinds[field.name]
        if not _fits(value, kind):
            name = getattr(kind, "__name__", None) if isinstance(kind, type) else None
            raise NaspError(
                f"{field.name} is {value!r:.60}, a {type(value).__name__}; it must be "
                f"{name or str(kind).replace('typing.', '')}"
            )


def check_positive(options: object, *names: str) -> None:
    """Check that options are above 0; None is allowed.

    Raises:
        NaspError: One is not, or is NaN.
    """
    for name in names:
        value = getattr(options, name)
        if value is not None and not value > 0:
            raise NaspError(f"{name} is {value}; it must be above 0")


def check_not_negative(options: object, *names: str, below: float | None = None) -> None:
    """Check that options are 0 or more, and less than `below` if it is given.

    Raises:
        NaspError: One is not, or is NaN.
    """
    for name in names:
        value = getattr(options, name)
        if not value >= 0:
            raise NaspError(f"{name} is {value}; it must be 0 or more")
        if below is not None and not value < below:
            raise NaspError(f"{name} is {value}; it must be below {below:g}")


def check_at_most(options: object, most: int, *names: str) -> None:
    """Check that options are at most `most`, a technical limit; None is allowed.

    Raises:
        NaspError: An option is larger.
    """
    for name in names:
        value = getattr(options, name)
        if value is not None and value > most:
            raise NaspError(f"{name} is {value}; it must be at most {most:,}")


def check_one_of(options: object, name: str, names: Collection[str]) -> None:
    """Check that an option is one of some names.

    Raises:
        NaspError: It is not.
    """
    check_known(name, getattr(options, name), names)


def _fits(value: Any, kind: Any) -> bool:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in get_args(kind))
    if origin is Literal:
        return value in get_args(kind)
    if kind in (int, float):
        number = Integral if kind is int else Real
        return isinstance(value, number) and not isinstance(value, bool)
    return kind is Any or isinstance(value, origin or kind)
