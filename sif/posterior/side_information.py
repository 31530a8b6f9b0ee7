"""Side information in the prior of an entity's encoding (Simm et al. 2017, arXiv 1509.04610)."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sif.nn.graph import Propagation
from sif.posterior.hyperprior import draw_normal, draw_precision

STEPS = 100  # largest number of steps of conjugate gradients
TOLERANCE = 1e-2  # relative size of the residual at which they stop


class Entries(NamedTuple):
    """A group of features as the entries of a sparse matrix.

    Attributes:
        row: The id of each entry, int64 `(entries,)`.
        column: The feature of each entry, int64 `(entries,)`. No pair occurs twice.
        value: The entries, `(entries,)`.
        columns: Number of features.
        kept: Whether samples keep the weights of these features, for ids that come later.
    """

    row: Tensor
    column: Tensor
    value: Tensor
    columns: int
    kept: bool = False


class SideInformation:
    """A linear map from an entity's features to the mean of its encoding.

    The prior of the encodings is `P ~ N(m + F B, Λ⁻¹)`, with features `F`, one row for each id,
    and weights `B_f ~ N(0, (λ_g Λ)⁻¹)` of the features f of a group g. A group is, for example,
    the items that a user rated, or all columns of a table of users.

    Args:
        groups: The groups of features, at least one.
        rows: Number of ids.
        width: Length of a row of `P`.

    Attributes:
        weights: `B`, `(features, width)`, the groups one after the other.
        precision: `λ`, `(groups,)`.
    """

    def __init__(self, groups: Sequence[Entries], rows: int, width: int) -> None:
        counts = [group.columns for group in groups]
        firsts = list(accumulate(counts[:-1], initial=0))
        row = torch.cat([group.row for group in groups])
        column = torch.cat([g.column + first for g, first in zip(groups, firsts, strict=True)])
        value = torch.cat([group.value for group in groups])
        features = sum(counts)
        self._features = Propagation(row, column, value, (rows, features))
        self._transposed = Propagation(column, row, value, (features, rows))
        self._squares = torch.zeros(features).index_add_(0, column, value.square())  # of Fᵀ F
        self._counts = torch.tensor(counts)
        self._kept = [group.kept for group in groups]
        self.weights = torch.zeros(features, width)
        self.precision = torch.ones(len(groups))

    def state_dict(self) -> dict[str, Any]:
        """Return the weights and their precisions."""
        return {"weights": self.weights, "precision": self.precision}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self.weights, self.precision = state["weights"].clone(), state["precision"].clone()

    def mean(self) -> Tensor:
        """Return `F B`, `(ids, width)`."""
        mean: Tensor = self._features(self.weights)
        return mean

    def kept(self) -> Tensor | None:
        """Return the weights of the groups that samples keep, `(features, width)`, if any."""
        parts = torch.split(self.weights, self._counts.tolist())
        kept = [part for part, keep in zip(parts, self._kept, strict=True) if keep]
        return torch.cat(kept) if kept else None

    def links(self) -> Tensor:
        """Return `√λ B`, whose rows have the covariance of the encodings, `(features, width)`."""
        return self._each().sqrt() * self.weights

    def draw(self, rows: Tensor, precision: Tensor, generator: torch.Generator) -> None:
        """Draw the weights and their precisions, given the encodings.

        A draw from the normal posterior of the weights is the solution of the ridge regression of
        perturbed encodings (§3 of the paper), here by conjugate gradients.

        Args:
            rows: `P - m`, `(ids, width)`.
            precision: `Λ`.
            generator: Source of the draws.
        """
        noise = draw_normal(precision, len(rows) + len(self.weights), generator)
        target = self._transposed(rows + noise[: len(rows)])
        target += self._each().sqrt() * noise[len(rows) :]
        self.weights = self._solve(target)
        squares = ((self.weights @ precision) * self.weights).sum(1)
        drawn = [
            draw_precision(float(part.sum()), part.numel() * rows.shape[1], generator)
            for part in torch.split(squares, self._counts.tolist())
        ]
        self.precision = torch.tensor(drawn)

    def _each(self) -> Tensor:
        """Return the precision of each feature's weights, `(features, 1)`."""
        return self.precision.repeat_interleave(self._counts).unsqueeze(1)

    def _solve(self, target: Tensor) -> Tensor:
        """Solve `(Fᵀ F + λ) B = target` by conjugate gradients with a diagonal preconditioner."""
        each = self._each()
        scale = 1 / (self._squares.unsqueeze(1) + each)
        solution = torch.zeros_like(target)
        residual = target.clone()
        step = scale * residual
        product = (residual * step).sum(0)
        enough = TOLERANCE**2 * product
        for _ in range(STEPS):
            moved = self._transposed(self._features(step)).addcmul_(step, each)
            length = product / (step * moved).sum(0).clamp_(min=1e-30)
            solution.addcmul_(step, length)
            residual.addcmul_(moved, length, value=-1)
            preconditioned = scale * residual
            before, product = product, (residual * preconditioned).sum(0)
            if bool((product <= enough).all()):
                break
            step = preconditioned.addcmul_(step, product / before.clamp_(min=1e-30))
        return solution
