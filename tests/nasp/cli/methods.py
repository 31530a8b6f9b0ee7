"""Toy classes that an option chooses; imported only where one of their options is given."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from nasp.cli.option_checks import check_positive
from nasp.registry import NoOptions


@dataclass(frozen=True)
class Part:
    """A section.

    Attributes:
        width: Units.
    """

    width: int = 3


@dataclass(frozen=True)
class SteepOptions:
    """How it descends.

    Attributes:
        rate: Step size, in metres.
        momentum: Share of the last step.
        mode: What is computed.
        ends: First and last step size.
        fast: Skip what can be skipped.
        part: A section.
    """

    rate: float = 0.1
    momentum: float | None = None
    mode: Literal["exact", "finite"] = "exact"
    ends: tuple[float, float] | None = None
    fast: bool = False
    part: Part = Part()

    def __post_init__(self) -> None:
        check_positive(self, "rate")


class Steep:
    """Goes down."""

    Options: ClassVar[type] = SteepOptions


@dataclass(frozen=True)
class WideOptions:
    """How it looks around.

    Attributes:
        rate: Step size, in metres.
        points: How many.
    """

    rate: float = 0.5
    points: int = 4


class Wide:
    """Looks everywhere."""

    Options: ClassVar[type] = WideOptions


class Blind:
    """Guesses."""

    Options: ClassVar[type] = NoOptions
