"""Searches: on shared weights, and by trials."""

from typing import TYPE_CHECKING, Any

from nasp.registry import attribute
from nasp.search.options import STRATEGIES, SearchOptions, chosen_strategy

if TYPE_CHECKING:
    from nasp.search.pipeline import Found, find, train
    from nasp.search.task import Task, Trained

PLACES = {
    "Found": "nasp.search.pipeline:Found",
    "Task": "nasp.search.task:Task",
    "Trained": "nasp.search.task:Trained",
    "find": "nasp.search.pipeline:find",
    "train": "nasp.search.pipeline:train",
}

__all__ = [
    "STRATEGIES",
    "Found",
    "SearchOptions",
    "Task",
    "Trained",
    "chosen_strategy",
    "find",
    "train",
]


def __getattr__(name: str) -> Any:
    return attribute(__name__, PLACES, name)
