"""Bounds of options, said in one way."""

from collections.abc import Collection

from nasp.core.errors import NaspError
from nasp.core.nearest import nearest


def above_zero(options: object, *names: str) -> None:
    """Check that options are above 0; None is passed over.

    Raises:
        NaspError: One is not, or is NaN.
    """
    for name in names:
        value = getattr(options, name)
        if value is not None and not value > 0:
            raise NaspError(f"{name} is {value}; it must be above 0")


def not_negative(options: object, *names: str, below: float | None = None) -> None:
    """Check that options are 0 or more, and less than `below` if that is given.

    Raises:
        NaspError: One is not, or is NaN.
    """
    for name in names:
        value = getattr(options, name)
        if not value >= 0:
            raise NaspError(f"{name} is {value}; it must be 0 or more")
        if below is not None and not value < below:
            raise NaspError(f"{name} is {value}; it must be below {below:g}")


def one_of(options: object, name: str, names: Collection[str]) -> None:
    """Check that an option is a known name.

    Raises:
        NaspError: It is not.
    """
    known(name, getattr(options, name), names)


def known(what: str, value: str, names: Collection[str]) -> None:
    """Check that a value is a known name.

    Args:
        what: What it is the name of.
        value: What was given.
        names: Those that there are.

    Raises:
        NaspError: It is none of them; the message has the nearest.
    """
    if value not in names:
        raise NaspError(
            f"unknown {what} {value!r}{nearest(value, names)}; there are {', '.join(names)}"
        )
