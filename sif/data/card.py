"""The cards of ratings: what a table's columns mean, beside what every card says."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, get_args

from nasp.data import cards
from nasp.data.cards import Card
from nasp.errors import NaspError
from nasp.files.schema import Rule, one_of, optional, text
from sif.data.check import Transform
from sif.data.columns import parse_columns


def _columns(value: Any, name: str) -> None:
    """What `--columns` takes."""
    text(value, name)
    try:
        parse_columns(value)
    except NaspError as error:
        raise NaspError(f"{name}: {str(error).removeprefix('--columns: ')}") from error


@dataclass(frozen=True)
class RatingCard(Card):
    """What a table of ratings is.

    Attributes:
        columns: What `--columns` is, unless it is given.
        rating_transform: What `--rating_transform` is, unless it is given.
    """

    KIND = "rating"
    KEYS: ClassVar[Mapping[str, Rule]] = {
        "columns": optional(_columns),
        "rating_transform": one_of(*get_args(Transform)),
    }

    columns: str | None = None
    rating_transform: Transform = "none"


def find_rating_card(name: str, data_dir: Path | None = None) -> RatingCard | None:
    """The card of ratings by a name or an alias; see `nasp.data.cards.find_card`."""
    return cards.find_card(name, RatingCard, data_dir)
