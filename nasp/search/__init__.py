"""Searches on shared weights and searches by trials, with the executors that run them."""

from typing import TYPE_CHECKING

from nasp.registry import lazy_exports

if TYPE_CHECKING:
    from nasp.search.options import STRATEGIES as STRATEGIES
    from nasp.search.options import SearchOptions as SearchOptions
    from nasp.search.options import strategy_field as strategy_field
    from nasp.search.pipeline import SearchResult as SearchResult
    from nasp.search.pipeline import run_search as run_search
    from nasp.search.pipeline import train as train
    from nasp.search.task import Task as Task
    from nasp.search.task import TrainingResult as TrainingResult


__all__, __getattr__ = lazy_exports(
    __name__,
    """
    options: STRATEGIES SearchOptions strategy_field
    pipeline: SearchResult run_search train
    task: Task TrainingResult
    """,
)
