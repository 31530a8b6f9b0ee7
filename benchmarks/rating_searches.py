"""Searches for an interaction function that are judged on test ratings."""

from dataclasses import replace

from torch import Tensor

from nasp.runs.context import RunContext
from nasp.search import run_search
from sif.data import Splits
from sif.data.evaluation import evaluate_predictions
from sif.data.search_data import SearchData
from sif.nn.space import operation_of
from sif.options import SearchOptions
from sif.tasks import RatingTask


class RatingSearches:
    """A table of ratings that is split.

    Args:
        splits: Training and validation ratings to search on, and those to judge by.
        options: How to search.
        seed: Fixes everything that a search draws.
    """

    def __init__(self, splits: Splits, options: SearchOptions, seed: int) -> None:
        self.data = SearchData.from_splits(splits.train, splits.valid)
        self.test = self.data.encode(splits.test)
        self.options, self.seed = options, seed

    def search(self) -> tuple[str, float]:
        """The operation that a search names, and the test RMSE of its trained function."""
        return self._found(self.options, None)

    def alone(self, operation: str) -> float:
        """The test RMSE of an operation that is searched, so that it gets MLPs, and trained."""
        return self._found(replace(self.options, restarts=1, finalists=1), (operation,))[1]

    def biases(self) -> float:
        """The test RMSE of the trivial model, the biases."""
        return self.rmse(self.data.biases[self.test.rows].sum(0))

    def rmse(self, predictions: Tensor) -> float:
        """Of standardised predictions for the test ratings, in rating units."""
        return evaluate_predictions(predictions, self.test, self.data.scale)["rmse"]

    def _found(
        self, options: SearchOptions, functions: tuple[str, ...] | None
    ) -> tuple[str, float]:
        task = RatingTask(self.data, options, functions=functions)
        found = run_search(task, self.seed, RunContext())
        return operation_of(found.genotype), self.rmse(task.model(found).rate(self.test))
