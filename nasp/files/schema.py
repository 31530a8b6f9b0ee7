"""Rules for the content of a file; each reports a violation in one line."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nasp.errors import NaspError

if TYPE_CHECKING:
    import torch

Rule = Callable[[Any, str], None]
"""Takes a value and its name for messages; raises NaspError if the value breaks the rule."""
SHOWN = 40  # characters of a wrong value
LARGEST = 2**63 - 1  # what a tensor of indices can hold


def integer(low: int = 0, high: int = LARGEST) -> Rule:
    """A whole number in a range; True and False are not numbers."""

    def rule(value: Any, name: str) -> None:
        if type(value) is not int or not low <= value <= high:
            upto = "or more" if high == LARGEST else f"to {high}"
            raise _wrong(name, f"a whole number, {low} {upto}", value)

    return rule


def number(above: float = -math.inf) -> Rule:
    """A finite number, greater than `above`."""

    def rule(value: Any, name: str) -> None:
        if type(value) not in (int, float) or not above < value < math.inf:
            bound = f" above {above:g}" if above > -math.inf else ""
            raise _wrong(name, f"a finite number{bound}", value)

    return rule


def flag(value: Any, name: str) -> None:
    """True or False."""
    if type(value) is not bool:
        raise _wrong(name, "true or false", value)


def text(value: Any, name: str) -> None:
    """A string."""
    if type(value) is not str:
        raise _wrong(name, "text", value)


def anything(value: Any, name: str) -> None:
    """Any value."""


def one_of(*known: Any) -> Rule:
    """One of the given values, with the same type."""

    def rule(value: Any, name: str) -> None:
        if not any(type(value) is type(one) and value == one for one in known):
            raise _wrong(name, f"one of {', '.join(map(repr, known))}", value)

    return rule


def optional(rule: Rule) -> Rule:
    """None, or a value that follows `rule`."""
    return lambda value, name: None if value is None else rule(value, name)


def sequence(rule: Rule, length: int | None = None) -> Rule:
    """A list or tuple, of this length if given, whose elements all follow `rule`."""

    def checked(value: Any, name: str) -> None:
        if not isinstance(value, list | tuple) or length not in (None, len(value)):
            raise _wrong(name, "a list" if length is None else f"a list of {length}", value)
        for position, part in enumerate(value):
            rule(part, f"{name}[{position}]")

    return checked


def mapping(rule: Rule) -> Rule:
    """A mapping from names to values that all follow `rule`."""

    def checked(value: Any, name: str) -> None:
        if not isinstance(value, Mapping) or not all(type(key) is str for key in value):
            raise _wrong(name, "a mapping of names to values", value)
        for key, part in value.items():
            rule(part, f"{name}.{key}" if name else key)

    return checked


def section(rules: Mapping[str, Rule], may: Mapping[str, Rule] | None = None) -> Rule:
    """A mapping with fixed keys.

    Args:
        rules: The required keys.
        may: The optional keys. Other keys are refused.
    """
    known = {**rules, **(may or {})}

    def checked(value: Any, name: str) -> None:
        mapping(anything)(value, name or "it")
        within = f"{name}." if name else ""
        for key in rules:
            if key not in value:
                raise NaspError(f"{within}{key} is missing")
        for key, part in value.items():
            if key not in known:
                raise NaspError(f"{within}{key} is not a known key")
            known[key](part, within + key)

    return checked


def tensor(dtype: "torch.dtype | None" = None, shape: Sequence[int | None] | None = None) -> Rule:
    """A dense tensor of finite numbers.

    Args:
        dtype: The required dtype; any if None.
        shape: The required shape, in which None allows any length; any shape if None.
    """
    import torch  # imported here: most files hold no tensors

    def rule(value: Any, name: str) -> None:
        if not isinstance(value, torch.Tensor) or value.layout != torch.strided:
            raise _wrong(name, "a tensor", value)
        if dtype not in (None, value.dtype):
            raise NaspError(f"{name} must be of {dtype}, not {value.dtype}")
        if shape is not None and (
            len(shape) != value.dim()
            or any(n not in (None, m) for n, m in zip(shape, value.shape, strict=True))
        ):
            wanted = ", ".join("any" if n is None else str(n) for n in shape)
            raise NaspError(f"{name} must have the shape ({wanted}), not {tuple(value.shape)}")
        if value.is_floating_point() and not value.isfinite().all():
            raise NaspError(f"{name} holds a number that is not finite")

    return rule


def like(example: Any) -> Rule:
    """A value with the types, keys, lengths and shapes of an example; None allows anything."""
    if example is None:
        return anything
    if type(example).__name__ == "Tensor":
        return tensor(example.dtype, tuple(example.shape))
    if isinstance(example, Mapping):
        return section({key: like(value) for key, value in example.items()})
    if isinstance(example, list | tuple):
        parts = [like(value) for value in example]

        def rule(value: Any, name: str) -> None:
            sequence(anything, len(parts))(value, name)
            for position, (part, of_part) in enumerate(zip(value, parts, strict=True)):
                of_part(part, f"{name}[{position}]")

        return rule
    if isinstance(example, float):
        return number()

    def same(value: Any, name: str) -> None:
        if type(value) is not type(example):
            raise _wrong(name, f"a {type(example).__name__}", value)

    return same


def _wrong(name: str, wanted: str, value: Any) -> NaspError:
    shown = "a tensor" if type(value).__name__ == "Tensor" else repr(value)
    shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"
    return NaspError(f"{name} must be {wanted}, not {shown}")
