"""Cards of rating data sets, which also describe the columns of the table."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, get_args

from nasp.data import cards
from nasp.data.cards import Card, inside
from nasp.errors import NaspError
from nasp.files.schema import Rule, integer, one_of, optional, text
from sif.data.check import Transform
from sif.data.columns import parse_columns
from sif.data.task_data import TaskName


def _columns(value: Any, name: str) -> None:
    """A rule for the value of `--columns`."""
    text(value, name)
    try:
        parse_columns(value)
    except NaspError as error:
        raise NaspError(f"{name}: {str(error).removeprefix('--columns: ')}") from error


@dataclass(frozen=True)
class RatingCard(Card):
    """The card of a rating data set.

    Attributes:
        columns: Default of `--columns`.
        rating_transform: Default of `--rating_transform`.
        task: Default of `--task`.
        negatives: Default of `--negatives`.
        valid: Name of the file of validation rows of a given split, beside that of training rows.
        test: Name of the file of test rows of a given split.
    """

    KIND = "rating"
    KEYS: ClassVar[Mapping[str, Rule]] = {
        "columns": optional(_columns),
        "rating_transform": one_of(*get_args(Transform)),
        "task": one_of(*get_args(TaskName)),
        "negatives": integer(1),
        "valid": inside,
        "test": inside,
    }

    columns: str | None = None
    rating_transform: Transform = "none"
    task: TaskName | None = None
    negatives: int | None = None
    valid: str | None = None
    test: str | None = None


def find_rating_card(name: str, data_dir: Path | None = None) -> RatingCard | None:
    """Return the card of a name or alias; see `nasp.data.cards.find_card`."""
    return cards.find_card(name, RatingCard, data_dir)
