"""`Ranker`, the base class of models that rank items; `ClosedForm`, of those computed at once."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from nasp.errors import NaspError
from nasp.registry import NoOptions
from sif.evaluation.ranking import Scorer
from sif.user_items import UserItems


class Bound(NamedTuple):
    """The values among which an option is tuned; integers if `low` is one.

    Attributes:
        low: The smallest value.
        high: The largest value.
        log: Whether values are drawn evenly on a logarithmic scale.
    """

    low: float
    high: float
    log: bool = False


SHARE = Bound(0.0, 1.0)


class Ranker(ABC):
    """Scores all items for users, on the CPU.

    Args:
        options: An instance of `Options`.
        tensors: The model; it is saved by its options and these.
    """

    Options: ClassVar[type] = NoOptions

    def __init__(self, options: Any, tensors: Mapping[str, Tensor]) -> None:
        self.options = options
        self.tensors = dict(tensors)

    @abstractmethod
    def score_lists(self, lists: UserItems) -> Tensor:
        """Score all items for each list of items, float32 `(lists, items)`.

        Args:
            lists: Rows are lists of items of known or new users.
        """

    def scorer(self, pairs: UserItems) -> Scorer:
        """Return the scorer of the users of `pairs`, for `sif.evaluation.ranking.rank`.

        Args:
            pairs: The pairs that the model was fitted to, with a row for each known user.
        """
        return lambda users: self.score_lists(pairs.take(users))


class ClosedForm(Ranker):
    """A ranker that is computed from pairs.

    A known user is scored by the list of training items. Lists of new users, and lists with new
    items of known users, are scored in the same way, without training.

    Attributes:
        bounds: The options that are tuned.
        feature_bounds: Those that are tuned if there are features of items.
        most_items: Largest catalogue for which a search tries it; None if its time and memory grow
            in proportion to the pairs.
    """

    bounds: ClassVar[Mapping[str, Bound]] = {}
    feature_bounds: ClassVar[Mapping[str, Bound]] = {}
    most_items: ClassVar[int | None] = None

    @classmethod
    def fit(
        cls,
        pairs: UserItems,
        options: Any,
        generator: torch.Generator,
        item_features: sparse.csr_array | None = None,
    ) -> Self:
        """Fit a model.

        Args:
            pairs: The training pairs.
            options: An instance of `Options`.
            generator: Draws initial values, for models that need some.
            item_features: Side features of the items, `(items, features)`, for models that use
                them.

        Raises:
            NaspError: There is no pair, or the catalogue is too large for the model.
        """
        if not len(pairs.items):
            raise NaspError("there are no training pairs: give some, or lower --positive_from")
        if item_features is not None and cls.feature_bounds:
            return cls(options, cls.solve_with_features(pairs, item_features, options))
        return cls(options, cls.solve(pairs, options, generator))

    @classmethod
    @abstractmethod
    def solve(cls, pairs: UserItems, options: Any, generator: torch.Generator) -> dict[str, Tensor]:
        """Compute the tensors of the model; see `fit`."""

    @classmethod
    def solve_with_features(
        cls, pairs: UserItems, item_features: sparse.csr_array, options: Any
    ) -> dict[str, Tensor]:
        """Compute the tensors of a model with `feature_bounds`, which uses features of items."""
        raise NotImplementedError(f"{cls.__name__} has feature_bounds")


def matrix_of(pairs: UserItems, values: Tensor | None = None) -> sparse.csr_array:
    """Return pairs as a sparse float32 matrix, users × items.

    Args:
        pairs: The pairs, all in the catalogue.
        values: The entries, `(pairs,)`; None for ones.
    """
    entries = torch.ones(len(pairs.items)) if values is None else values.float()
    return sparse.csr_array(
        (entries.numpy(), pairs.items.numpy().astype(np.int32), pairs.starts.numpy()),
        shape=pairs.shape,
    )


def powers(counts: Tensor, exponent: float) -> np.ndarray:
    """Return `counts ** exponent`, float32, with counts of at least 1."""
    return counts.clamp(min=1).float().pow(exponent).numpy()
