"""Searches: on shared weights, and by trials."""

from typing import TYPE_CHECKING

from nasp.registry import lazily

if TYPE_CHECKING:
    from nasp.search.options import STRATEGIES as STRATEGIES
    from nasp.search.options import SearchOptions as SearchOptions
    from nasp.search.options import chosen_strategy as chosen_strategy
    from nasp.search.pipeline import Found as Found
    from nasp.search.pipeline import find as find
    from nasp.search.pipeline import train as train
    from nasp.search.task import Task as Task
    from nasp.search.task import Trained as Trained


__all__, __getattr__ = lazily(
    __name__,
    """
    options: STRATEGIES SearchOptions chosen_strategy
    pipeline: Found find train
    task: Task Trained
    """,
)
