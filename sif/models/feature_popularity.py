"""`FeaturePopularity`: what users with the same features have, for users without pairs."""

from collections.abc import Mapping
from typing import Self

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from nasp.files.schema import Rule, section, tensor
from sif.closed_forms.base import matrix_of
from sif.user_items import UserItems

DAMPING = 100.0  # a smaller one is worse than plain popularity with the users of MovieLens 100K
STATE: Rule = section(
    {
        "rows": tensor(torch.int32, (2, None)),
        "values": tensor(torch.float32, (None,)),
        "mean": tensor(torch.float32, (None,)),
        "weights": tensor(torch.float32, (None, None)),
    }
)
"""The rule for `FeaturePopularity.state`."""


class FeaturePopularity:
    """Scores `m + f W` for a user's features f.

    m is the share of users who have each item. W is a ridge regression of the users' rows, less m,
    on their features.

    Args:
        features: Features of all users, `(users, features)`.
        mean: m, `(items,)`.
        weights: W, `(features, items)`.
    """

    def __init__(self, features: sparse.csr_array, mean: Tensor, weights: Tensor) -> None:
        self.features, self.mean, self.weights = features, mean, weights

    @classmethod
    def fit(cls, pairs: UserItems, features: sparse.csr_array) -> Self:
        """Fit to the users who have pairs."""
        having = pairs.counts() > 0
        known, rows = features[having.numpy()], matrix_of(pairs)[having.numpy()]
        mean = pairs.popularity() / having.sum()
        gram = torch.from_numpy((known.T @ known).toarray()).double()
        gram.diagonal().add_(DAMPING)
        each = torch.from_numpy(known.sum(axis=0))
        target = torch.from_numpy((known.T @ rows).toarray()) - each[:, None] * mean
        weights = torch.linalg.solve(gram, target.double()).float()
        return cls(features, mean, weights)

    def has(self, users: Tensor) -> Tensor:
        """Return which users have features; a number after the last user is unknown."""
        counts = torch.from_numpy(np.diff(self.features.indptr))
        known = users < len(counts)
        return known & (counts[torch.where(known, users, 0)] > 0)

    def score(self, users: Tensor) -> Tensor:
        """Score all items for users by position, float32 `(users, items)`."""
        return self.mean + torch.from_numpy(self.features[users.numpy()] @ self.weights.numpy())

    def state(self) -> dict[str, Tensor]:
        """Return the content of a file, which follows `STATE`."""
        entries = self.features.tocoo()
        return {
            "rows": torch.from_numpy(np.stack(entries.coords).astype(np.int32)),
            "values": torch.from_numpy(entries.data),
            "mean": self.mean,
            "weights": self.weights,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], shape: tuple[int, int]) -> Self:
        """Make it from the content of a file.

        Args:
            state: The content.
            shape: Number of users and of items.

        Raises:
            ValueError: The content does not fit these numbers.
        """
        mean, weights, rows = state["mean"], state["weights"], state["rows"].numpy()
        if len(mean) != shape[1] or weights.shape[1] != shape[1]:
            raise ValueError(f"features score {len(mean)} items of {shape[1]}")
        size = shape[0], len(weights)
        return cls(sparse.csr_array((state["values"].numpy(), rows), shape=size), mean, weights)
