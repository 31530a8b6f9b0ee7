"""`TableKind`, the contract of tables of measured architectures, and reading of their rows."""

import csv
import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from pathlib import Path
from typing import ClassVar

from nasp.core.decision import Decision
from nasp.core.genotype import Choices
from nasp.data.cards import Card
from nasp.errors import NaspError, damage_named

Key = tuple[tuple[tuple[str, str], ...], ...]
"""The `(source, operation)` pairs of each decision, in the order of the decisions."""


class TableCard(Card):
    """The card of a table of architectures."""

    KIND = "table"


def key_of(choices: Choices, decisions: Collection[Decision]) -> Key:
    """Return the key of an architecture in a table."""
    return tuple(choices[d.name] for d in decisions)


@dataclass(frozen=True)
class Measured:
    """The measurements of all architectures; smaller is better.

    Attributes:
        seen: What a search sees of each architecture. It is not finite if the training diverged.
        judged: What its answer is judged by.
    """

    seen: Mapping[Key, float]
    judged: Mapping[Key, float]

    @cached_property
    def best(self) -> float:
        """The smallest judged value, whose regret is 0."""
        return min(value for value in self.judged.values() if math.isfinite(value))

    @cached_property
    def worst(self) -> float:
        """The largest judged value, which counts while no trial is complete."""
        return max(value for value in self.judged.values() if math.isfinite(value))


@dataclass(frozen=True)
class Problem:
    """A search space on a data set.

    Attributes:
        decisions: Its decisions.
        splits: Measurements on each split of the data; the search with seed `s` sees the one at
            position `s` modulo their number.
    """

    decisions: tuple[Decision, ...]
    splits: tuple[Measured, ...]

    def check_complete(self, path: Path) -> None:
        """Check that each split has each architecture of the space.

        Raises:
            NaspError: One is missing; the message names it and counts the others.
        """
        options = [_choices(d) for d in self.decisions]
        for split in self.splits:
            missing = math.prod(map(len, options)) - len(split.seen)
            if missing:
                first = next(key for key in product(*options) if key not in split.seen)
                pairs = zip(self.decisions, first, strict=True)
                named = ", ".join(f"{d.name}: {dict(chosen)}" for d, chosen in pairs)
                raise NaspError(
                    f"{path}: {missing} architectures have no row, for example {named}: give the "
                    "whole table"
                )


def _choices(d: Decision) -> list[tuple[tuple[str, str], ...]]:
    return [
        tuple(zip(sources, operations, strict=True))
        for sources in combinations(d.sources, d.keep)
        for operations in product(d.operations, repeat=d.keep)
    ]


class TableKind(ABC):
    """A kind of table.

    Attributes:
        card: Name of the card in datasets/ that says where the table is.
        seen: What a search sees.
        judged: What its answer is judged by.
        unit: Unit of the regret.
        trial: What a trial costs, in words.
        trials: Numbers of trials after which searches are judged, by default.
    """

    card: ClassVar[str]
    seen: ClassVar[str]
    judged: ClassVar[str]
    unit: ClassVar[str] = "percentage points"
    trial: ClassVar[str]
    trials: ClassVar[tuple[int, ...]] = (10, 30, 100)

    @abstractmethod
    def read(self, path: Path) -> dict[str, Problem]:
        """Read the table, and return the problem on each of its data sets.

        Raises:
            NaspError: It is a table of another space, lacks rows, or has a wrong one; the message
                names the line.
        """


def read_rows(path: Path, columns: Collection[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the place, for messages, and the values of each row of a table with a header.

    Raises:
        NaspError: The file is damaged, or a column is missing.
    """
    with (
        damage_named(path, UnicodeDecodeError, csv.Error),
        path.open(newline="", encoding="utf-8-sig") as file,
    ):
        reader = csv.DictReader(file, restval="")
        there = reader.fieldnames or ()
        for column in columns:
            if column not in there:
                raise NaspError(
                    f"{path} has no column {column!r}: it is a table of another space; this one "
                    f"has {', '.join(columns)}"
                )
        for row in reader:
            yield f"{path}, line {reader.line_num}", row


def number(place: str, row: Mapping[str, str], column: str, diverged: bool = False) -> float:
    """Return a number of a row.

    Args:
        place: The row's place, for messages.
        row: The row.
        column: The number's column.
        diverged: `nan` stands for a training that diverged, and becomes infinity.

    Raises:
        NaspError: It is not a finite number.
    """
    try:
        value = float(row[column])
    except ValueError:
        value = math.inf
    if math.isnan(value) and diverged:
        return math.inf
    if not math.isfinite(value):
        raise NaspError(f"{place}: {column} is {row[column]!r:.40}: it must be a number")
    return value


def check_new(place: str, key: Key, table: Mapping[Key, float]) -> None:
    """Check that an architecture has no row yet.

    Raises:
        NaspError: It has one.
    """
    if key in table:
        raise NaspError(f"{place}: this architecture has a row already: remove one of them")
