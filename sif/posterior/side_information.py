"""Side information in the prior of an entity's encoding (Simm et al. 2017, arXiv 1509.04610)."""

from typing import Any

import torch
from torch import Tensor

from sif.nn.graph import Propagation
from sif.posterior.hyperprior import draw_normal, draw_precision

STEPS = 100  # largest number of steps of conjugate gradients
TOLERANCE = 1e-3  # relative size of the residual at which they stop


class SideInformation:
    """A linear map from an entity's features to the mean of its encoding.

    The prior of the encodings is `P ~ N(m + F B, Λ⁻¹)`, with features `F`, one row for each id,
    and weights `B ~ N(0, (λ Λ)⁻¹)`. The features are, for example, the items that a user rated.

    Args:
        features: Multiplies `(features, any)` by `F`.
        transposed: Multiplies `(ids, any)` by `Fᵀ`.
        squares: The diagonal of `Fᵀ F`, `(features,)`.
        width: Length of a row of `P`.

    Attributes:
        weights: `B`, `(features, width)`.
        precision: `λ`.
    """

    def __init__(
        self, features: Propagation, transposed: Propagation, squares: Tensor, width: int
    ) -> None:
        self._features, self._transposed, self._squares = features, transposed, squares
        self.weights = torch.zeros(len(squares), width)
        self.precision = 1.0

    @classmethod
    def from_entries(
        cls, row: Tensor, column: Tensor, value: Tensor, shape: tuple[int, int], width: int
    ) -> "SideInformation":
        """Make side information from the entries of `F`, no pair of row and column twice."""
        squares = torch.zeros(shape[1]).index_add_(0, column, value.square())
        return cls(
            Propagation(row, column, value, shape),
            Propagation(column, row, value, (shape[1], shape[0])),
            squares,
            width,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the weights and their precision."""
        return {"weights": self.weights, "precision": self.precision}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self.weights, self.precision = state["weights"].clone(), state["precision"]

    def mean(self) -> Tensor:
        """Return `F B`, `(ids, width)`."""
        mean: Tensor = self._features(self.weights)
        return mean

    def draw(self, rows: Tensor, precision: Tensor, generator: torch.Generator) -> None:
        """Draw the weights and their precision, given the encodings.

        A draw from the normal posterior of the weights is the solution of the ridge regression of
        perturbed encodings (§3 of the paper), here by conjugate gradients.

        Args:
            rows: `P - m`, `(ids, width)`.
            precision: `Λ`.
            generator: Source of the draws.
        """
        noise = draw_normal(precision, len(rows) + len(self.weights), generator)
        target = self._transposed(rows + noise[: len(rows)])
        target += self.precision**0.5 * noise[len(rows) :]
        self.weights = self._solve(target)
        squares = float(((self.weights @ precision) * self.weights).sum())
        self.precision = draw_precision(squares, self.weights.numel(), generator)

    def _solve(self, target: Tensor) -> Tensor:
        """Solve `(Fᵀ F + λ) B = target` by conjugate gradients with a diagonal preconditioner."""
        scale = (1 / (self._squares + self.precision)).unsqueeze(1)
        solution = torch.zeros_like(target)
        residual = target.clone()
        step = scale * residual
        product = (residual * step).sum(0)
        enough = TOLERANCE**2 * product
        for _ in range(STEPS):
            moved = self._transposed(self._features(step)).add_(step, alpha=self.precision)
            length = product / (step * moved).sum(0).clamp_(min=1e-30)
            solution.addcmul_(step, length)
            residual.addcmul_(moved, length, value=-1)
            preconditioned = scale * residual
            before, product = product, (residual * preconditioned).sum(0)
            if bool((product <= enough).all()):
                break
            step = preconditioned.addcmul_(step, product / before.clamp_(min=1e-30))
        return solution
