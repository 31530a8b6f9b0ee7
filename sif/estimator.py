"""The interaction search as a scikit-learn estimator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from nasp.core.environment import resolve_device
from nasp.core.errors import NaspError
from nasp.core.genotype import Genotype
from nasp.core.loop import Run
from nasp.core.progress import Progress
from sif.data import check_frame
from sif.model import InteractionModel
from sif.options import SearchOptions
from sif.pipeline import find
from sif.visible import Data


@dataclass(eq=False)
class InteractionSearch(SearchOptions, BaseEstimator):  # type: ignore[misc]
    """Finds the interaction function of a table of ratings, and predicts with it.

    Attributes:
        random_state: Seed of everything that is drawn at random.
        valid_fraction: Share of the ratings that is kept for validation, if none are given.
        device: auto, cpu, cuda, cuda:1 or mps.
        verbose: Show progress.
        genotype_: What was found, after `fit`.
        model_: Its trained model.
        valid_rmse_: Its validation RMSE, in rating units.
    """

    random_state: int = 1
    valid_fraction: float = 1 / 3
    device: str = "auto"
    verbose: bool = False

    def fit(
        self,
        X: pd.DataFrame,
        y: Sequence[float] | None = None,
        *,
        valid: pd.DataFrame | None = None,
    ) -> Self:
        """Search and train.

        Args:
            X: Columns `user`, `item`, any further entity columns, and `rating` unless `y` is given.
            y: The ratings, `(ratings,)`.
            valid: Validation ratings with the same columns; drawn from `X` if None.

        Raises:
            NaspError: An option or the table is wrong.
        """
        self.__post_init__()  # set_params does not check
        device = resolve_device(self.device)
        table = check_frame(X if y is None else X.assign(rating=np.asarray(y)))
        if valid is None:
            if not 0 < self.valid_fraction < 1:
                raise NaspError(
                    f"valid_fraction is {self.valid_fraction}; it must be within 0 and 1"
                )
            order = np.random.default_rng(self.random_state).permutation(len(table))
            count = max(1, round(self.valid_fraction * len(table)))
            train, checked = table.take(order[count:]), table.take(order[:count])
        else:
            train, checked = table, check_frame(valid, "the validation table")
        options = SearchOptions(**{f.name: getattr(self, f.name) for f in fields(SearchOptions)})
        run = Run(progress=Progress(quiet=not self.verbose))
        found = find(Data.of(train, checked, device), options, self.random_state, run)
        self._take(found.model)
        self.valid_rmse_ = found.candidates[0].valid_rmse
        return self

    def predict(
        self, users: Sequence[Any], items: Sequence[Any], **context: Sequence[Any]
    ) -> np.ndarray:
        """Ratings of pairs, in rating units, `(pairs,)`.

        Args:
            users: Users' ids, `(pairs,)`.
            items: Items' ids, `(pairs,)`.
            context: Ids of each further entity column, by its name, `(pairs,)` each.

        Raises:
            NaspError: An entity column is missing.
            sklearn.exceptions.NotFittedError: `fit` was not called.
        """
        check_is_fitted(self, "model_")
        user, item, *_ = self.model_.encoder.columns
        return self.model_.predict(pd.DataFrame({user: users, item: items, **context}))

    def recommend(
        self, user: Any, n: int = 10, *, context: Mapping[str, Any] | None = None
    ) -> pd.DataFrame:
        """The `n` items that the user has not rated with the highest predicted ratings.

        See `sif.model.InteractionModel.recommend`.
        """
        check_is_fitted(self, "model_")
        return self.model_.recommend(user, n, context=context)

    def save(self, path: Path | str) -> None:
        """Write the fitted model to one file, atomically, without pickled code."""
        check_is_fitted(self, "model_")
        self.model_.save(path)

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """A fitted estimator from the file that `save`, or a command, wrote.

        Raises:
            NaspError: The file is missing, damaged or of another version.
        """
        model = InteractionModel.load(path)
        names = [f.name for f in fields(model.network.options)]
        estimator = cls(**{name: getattr(model.network.options, name) for name in names})
        estimator._take(model)
        return estimator

    def _take(self, model: InteractionModel) -> None:
        self.model_ = model
        self.genotype_: Genotype = model.genotype
