"""The interaction search as a scikit-learn estimator."""

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from nasp.core.genotype import Genotype
from nasp.errors import NaspError
from nasp.runs.context import RunContext
from nasp.runs.progress import Progress
from nasp.search import run_search
from nasp.training.device import resolve_device
from sif.data import (
    Columns,
    Table,
    align_id_types,
    as_column,
    as_frame,
    check_frame,
    find_columns,
    report_unseen_ids,
)
from sif.data.search_data import SearchData
from sif.models.rating import InteractionModel
from sif.options import SearchOptions
from sif.tasks.rating import RatingTask


@dataclass(eq=False)
class InteractionSearch(SearchOptions, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Searches for the interaction function of a table of ratings, and predicts with it.

    Attributes:
        random_state: Seed of all random numbers.
        valid_fraction: Share of the ratings for validation, if no validation ratings are given.
        device: auto, cpu, cuda, cuda:1 or mps.
        verbose: Show progress.
        genotype_: The found genotype, after `fit`.
        model_: The trained model.
        valid_rmse_: The model's validation RMSE, in rating units.
    """

    random_state: int = 1
    valid_fraction: float = 1 / 3
    device: str = "auto"
    verbose: bool = False

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        contexts: Sequence[str] = (),
        valid: Any = None,
    ) -> Self:
        """Search for an interaction function, and train it.

        Args:
            X: Ratings: a frame (pandas, polars, Arrow) with the columns `user`, `item`, those in
                `contexts`, and `rating` unless `y` is given; or rows of user, item and rating (or
                of user and item), as an array, a list of tuples or a sparse matrix. Columns are
                found by their usual names; a warning names the columns that are not used.
            y: The ratings, `(ratings,)`, in the order of the rows.
            contexts: Columns of further entities: where, when, with whom.
            valid: Validation ratings, like `X`; None draws them from `X`.

        Raises:
            NaspError: An option or the table is wrong.
        """
        self.__post_init__()  # set_params does not check
        device = resolve_device(self.device)
        with _as_of_a_frame():
            columns = Columns(contexts=tuple(contexts))
        table = self._table(X, y, columns, "the table given")
        if valid is None:
            if not 0 < self.valid_fraction < 1:
                raise NaspError(
                    f"valid_fraction is {self.valid_fraction}; it must be within 0 and 1"
                )
            order = np.random.default_rng(self.random_state).permutation(len(table))
            count = max(1, round(self.valid_fraction * len(table)))
            train, checked = table.take(order[count:]), table.take(order[:count])
        else:
            checked = self._table(
                valid, None, columns, "the validation table", evaluation_only=True
            )
            train, checked = align_id_types(table, checked)
            report_unseen_ids(checked, train, "validation")
        options = SearchOptions(**{f.name: getattr(self, f.name) for f in fields(SearchOptions)})
        run = RunContext(progress=Progress(quiet=not self.verbose))
        task = RatingTask(SearchData.from_splits(train, checked, device), options)
        found = run_search(task, self.random_state, run)
        model = task.refitted_model(found) or task.model(found)
        model.fitted_with = self.get_params(deep=False)
        self._take(model)
        return self

    def predict(
        self,
        users: Any,
        items: Any = None,
        *,
        clip: bool = True,
        **contexts: Any,
    ) -> np.ndarray:
        """Predict ratings of pairs, in rating units, `(pairs,)`.

        Args:
            users: Users' ids, `(pairs,)`; or, without `items`, a table of pairs like `X` of `fit`.
            items: Items' ids, `(pairs,)`, in the same order; an index is ignored.
            clip: Whether to clip predictions to the range of the training ratings.
            contexts: Ids of each further entity column, by its name, `(pairs,)` each.

        Raises:
            NaspError: An entity column is missing or unknown, lengths differ, or all ids of a
                column are unknown.
            sklearn.exceptions.NotFittedError: `fit` was not called.
        """
        check_is_fitted(self, "model_")
        names = self.model_.encoder.columns
        if items is None:
            if contexts:
                raise NaspError("contexts go with users and items; a table has its own columns")
            return self.model_.predict(self._pairs(users), clip=clip)
        if unknown := [name for name in contexts if name not in names[2:]]:
            raise NaspError(f"unknown argument {unknown[0]!r}: the model rates {', '.join(names)}")
        given = {names[0]: users, names[1]: items, **contexts}
        columns = {name: as_column(values, name) for name, values in given.items()}
        if len({len(column) for column in columns.values()}) > 1:
            lengths = ", ".join(f"{len(column)} of {name}" for name, column in columns.items())
            raise NaspError(
                f"ids are matched by position, but there are {lengths}: give as many of each"
            )
        return self.model_.predict(pd.DataFrame(columns), clip=clip)

    def recommend(
        self,
        user: Any,
        n: int = 10,
        *,
        context: Mapping[str, Any] | None = None,
        exclude_seen: bool = True,
    ) -> pd.DataFrame:
        """Return the `n` items with the highest predicted ratings that the user has not rated.

        See `sif.models.rating.InteractionModel.recommend`.
        """
        check_is_fitted(self, "model_")
        return self.model_.recommend(user, n, context=context, exclude_seen=exclude_seen)

    def save(self, path: Path | str) -> None:
        """Write the fitted model to a file, atomically.

        Raises:
            NaspError: The folder does not exist.
        """
        check_is_fitted(self, "model_")
        self.model_.save(path)

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a fitted estimator from a file of `save` or of a command.

        Raises:
            NaspError: The file is missing, damaged or of another version.
        """
        model = InteractionModel.load(path)
        own = model.options
        given = {f.name: getattr(own, f.name) for f in fields(own)} | model.fitted_with
        estimator = cls(**{f.name: given[f.name] for f in fields(cls) if f.name in given})
        estimator._take(model)
        return estimator

    def _take(self, model: InteractionModel) -> None:
        self.model_ = model
        self.genotype_: Genotype = model.genotype
        self.valid_rmse_ = model.valid_rmse

    def _pairs(self, table: Any) -> pd.DataFrame:
        """Return a table of pairs with the names of the model's columns."""
        names = self.model_.encoder.columns
        frame = as_frame(table, names).rename(columns=str)
        # Pairs have no rating; a column of ratings is ignored.
        there = [*frame.columns, *({"rating"} - {*frame.columns})]
        with _as_of_a_frame():
            columns = Columns(rating="rating", contexts=names[2:])
            found = find_columns(there, columns, "the table given")
        return pd.DataFrame({name: frame[found[name]].array for name in names})

    @staticmethod
    def _table(
        X: Any, y: Any, columns: Columns, source: str, evaluation_only: bool = False
    ) -> Table:
        frame = as_frame(X, ("user", "item", *(() if y is not None else ("rating",))))
        frame = frame.rename(columns=str)
        if y is not None:
            ratings = as_column(y, "y")
            if len(ratings) != len(frame):
                raise NaspError(f"y has {len(ratings)} ratings for {len(frame)} rows of X")
            frame = frame.assign(rating=ratings.to_numpy())
            columns = replace(columns, rating="rating")
        with _as_of_a_frame():
            found = find_columns(list(frame.columns), columns, source)
            table = check_frame(frame, source, columns, evaluation_only=evaluation_only)
        if unused := [name for name in frame.columns if name not in found.values()]:
            warnings.warn(
                f"columns that are not used: {', '.join(unused)}; further entities are named in "
                f"contexts=[{unused[0]!r}]",
                stacklevel=3,
            )
        return table


@contextmanager
def _as_of_a_frame() -> Iterator[None]:
    """Replace remedies in error messages that name command-line options by ones for frames."""
    try:
        yield
    except NaspError as error:
        message = str(error)
        for option, column in (
            (r", or by its number, from 1", ""),
            (r"(name it|name the column of ratings) with --columns (\w+)=NAME", r"call it '\2'"),
            (r"; is it a rating\? Divide them, or use --rating_transform log.*", "; divide them"),
            (r"^--columns: ", "contexts: "),
        ):
            message = re.sub(option, column, message)
        raise NaspError(message) from error
