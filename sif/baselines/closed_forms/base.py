"""`ClosedForm`, the base class of rankers that are computed, not trained by steps."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from nasp.errors import NaspError
from nasp.registry import NoOptions
from sif.evaluation.ranking import Scorer
from sif.user_items import UserItems


class ClosedForm(ABC):
    """Scores all items for a list of items, on the CPU.

    A known user is scored by the list of training items. Lists of new users, and lists with new
    items of known users, are scored in the same way, without training.

    Args:
        options: An instance of `Options`.
        tensors: The fitted model, as `fit` computed it; a model is saved by its options and these.
    """

    Options: ClassVar[type] = NoOptions

    def __init__(self, options: Any, tensors: Mapping[str, Tensor]) -> None:
        self.options = options
        self.tensors = dict(tensors)

    @classmethod
    def fit(cls, pairs: UserItems, options: Any, generator: torch.Generator) -> Self:
        """Fit a model.

        Args:
            pairs: The training pairs.
            options: An instance of `Options`.
            generator: Draws initial values, for models that need some.

        Raises:
            NaspError: There is no pair, or the catalogue is too large for the model.
        """
        if not len(pairs.items):
            raise NaspError("there are no training pairs: give some, or lower --positive_from")
        return cls(options, cls.solve(pairs, options, generator))

    @classmethod
    @abstractmethod
    def solve(cls, pairs: UserItems, options: Any, generator: torch.Generator) -> dict[str, Tensor]:
        """Compute the tensors of the model; see `fit`."""

    @abstractmethod
    def score_lists(self, lists: UserItems) -> Tensor:
        """Score all items for each list of items, float32 `(lists, items)`.

        Args:
            lists: Rows are lists of items of known or new users.
        """

    def scorer(self, pairs: UserItems) -> Scorer:
        """Return the scorer of the users of `pairs`, for `sif.evaluation.ranking.rank`."""
        return lambda users: self.score_lists(pairs.take(users))


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
