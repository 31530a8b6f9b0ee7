"""Searches for an interaction function, evaluated on test ratings."""

from dataclasses import replace
from typing import Any

from torch import Tensor

from nasp.runs.context import RunContext
from nasp.search import run_search
from sif.data import Splits
from sif.data.search_data import SearchData
from sif.evaluation.ratings import evaluate_predictions
from sif.nn.space import name_of
from sif.options import SearchOptions
from sif.tasks.rating import RatingTask

# A search in the paper's space, with element-wise MLPs, and with nothing that competes with it.
ALONE: dict[str, Any] = {
    "encoders": ("id",),
    "elementwise": True,
    "sweeps": 0,
    "known": (),
    "refit": False,
}


class RatingSearches:
    """Searches on a split table of ratings.

    Args:
        splits: Training and validation ratings for the search, and test ratings.
        options: Options of the search.
        seed: Determines all random numbers.
    """

    def __init__(self, splits: Splits, options: SearchOptions, seed: int) -> None:
        self.data = SearchData.from_splits(splits.train, splits.valid)
        self.test = self.data.encode(splits.test)
        self.options, self.seed = options, seed

    def search(self) -> tuple[str, float]:
        """Search, and return the found operation and the test RMSE of the trained function."""
        return self._found(self.options, None)

    def alone(self, operation: str) -> float:
        """Search and train with an operation as the only candidate, and return its test RMSE."""
        return self._found(replace(self.options, restarts=1, finalists=1), (operation,))[1]

    def biases(self) -> float:
        """Return the test RMSE of the biases alone."""
        return self.rmse(self.data.biases[self.test.rows].sum(0))

    def rmse(self, predictions: Tensor) -> float:
        """Return the RMSE of standardised predictions for the test ratings, in rating units."""
        return evaluate_predictions(predictions, self.test, self.data.scale)["rmse"]

    def _found(
        self, options: SearchOptions, functions: tuple[str, ...] | None
    ) -> tuple[str, float]:
        task = RatingTask(self.data, options, functions=functions)
        found = run_search(task, self.seed, RunContext())
        return name_of(found.genotype), self.rmse(task.model(found).rate(self.test))
