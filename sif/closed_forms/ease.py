"""EASE: each item is predicted by a ridge regression on all others (Steck, WWW 2019)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import psutil
import torch
from scipy import sparse
from torch import Tensor

from nasp.cli.option_checks import check_not_negative, check_positive, check_types
from nasp.errors import NaspError
from sif.closed_forms.base import SHARE, Bound, ClosedForm, matrix_of, powers
from sif.user_items import UserItems

MATRICES = 3  # dense float64 matrices of items × items in memory at once


@dataclass
class EASEOptions:
    """Options of EASE.

    Attributes:
        weight_decay: λ, the weight of the L2 penalty.
        dropout: Share of the inputs that are dropped, in expectation (EDLAE: Steck, NeurIPS 2020).
            It adds a penalty for each item in proportion to its number of users.
        user_exponent: A user with n items has weight n^-user_exponent; 0 for equal weights.
        feature_weight: Weight of the features of items, if there are any: a feature counts like so
            many users who have the items with this feature (CEASE: Jeunen et al., RecSys 2020).
    """

    weight_decay: float = 30.0
    dropout: float = 0.7
    user_exponent: float = 0.5
    feature_weight: float = 2.0

    def __post_init__(self) -> None:
        check_types(self)
        check_positive(self, "weight_decay", "feature_weight")
        check_not_negative(self, "dropout", below=1)


class EASE(ClosedForm):
    """Scores `x B` of a user's row x, where B minimises ‖X − XB‖² + ‖Λ^½ B‖² with diagonal 0."""

    Options = EASEOptions
    options: EASEOptions
    bounds: ClassVar[Mapping[str, Bound]] = {
        "weight_decay": Bound(1.0, 3000.0, log=True),
        "dropout": Bound(0.0, 0.9),
        "user_exponent": SHARE,
    }
    feature_bounds: ClassVar[Mapping[str, Bound]] = {"feature_weight": Bound(0.1, 30.0, log=True)}
    most_items = 12_000  # a fit takes 40 seconds, in proportion to the cube of their number

    @classmethod
    def solve(
        cls, pairs: UserItems, options: EASEOptions, generator: torch.Generator
    ) -> dict[str, Tensor]:
        return {"weights": regression(pairs, options)}

    @classmethod
    def solve_with_features(
        cls, pairs: UserItems, item_features: sparse.csr_array, options: EASEOptions
    ) -> dict[str, Tensor]:
        return {"weights": regression(pairs, options, item_features)}

    def score_lists(self, lists: UserItems) -> Tensor:
        return torch.from_numpy(matrix_of(lists) @ self.tensors["weights"].numpy())


def regression(
    pairs: UserItems, options: EASEOptions, item_features: sparse.csr_array | None = None
) -> Tensor:
    """Return `B`, float32 `(items, items)`; see `EASE`."""
    check_memory(pairs.catalogue)
    matrix = matrix_of(pairs)
    weights = powers(pairs.counts(), -options.user_exponent)
    gram = (matrix.T @ sparse.diags_array(weights) @ matrix).toarray().astype(np.float64)
    inverse = torch.from_numpy(gram)
    diagonal = inverse.diagonal()
    diagonal += options.weight_decay + options.dropout / (1 - options.dropout) * diagonal
    if item_features is not None:
        gram += options.feature_weight * (item_features @ item_features.T).toarray()
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(inverse))
    inverse /= -inverse.diagonal().clone()
    inverse.fill_diagonal_(0)
    return inverse.float()


def check_memory(items: int) -> None:
    """Check that dense matrices of items × items fit into memory.

    Raises:
        NaspError: They do not.
    """
    needed, free = MATRICES * 8 * items**2, psutil.virtual_memory().available
    if needed > free:
        raise NaspError(
            f"ease needs {needed / 2**30:.0f} GB for matrices of {items:,} × {items:,} items, and "
            f"{free / 2**30:.0f} GB are free: choose graph_filter or item_neighbours"
        )
