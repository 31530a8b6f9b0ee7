"""`RatingModel`, the contract of models of ratings."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor, nn

from sif.nn.embeddings import RatingBatch
from sif.options import SpaceOptions


class RatingModel(nn.Module, ABC):
    """Predicts standardised ratings from rows of the embedding table.

    Attributes:
        options: Options of the model, including kind and weight of the penalty.
    """

    options: SpaceOptions

    @abstractmethod
    def rate(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return predictions, and the embeddings for the penalty.

        Args:
            rows: Rows of the table, `(entities, ratings)`.

        Returns:
            Standardised predictions `(ratings,)`, and the embeddings that were used,
            `(entities or more, ratings, any)`.
        """

    def predictor(self) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        """Return `rate` for many calls with the same weights, which may share work."""
        return self.rate

    def forward(self, batch: RatingBatch) -> tuple[Tensor, Tensor]:
        """Return `rate` for the rows of a batch."""
        return self.rate(batch.rows)

    def size(self) -> int:
        """Number of parameters."""
        return sum(parameter.numel() for parameter in self.parameters())

    def constrain(self) -> None:
        """Project the parameters onto the model's constraints, in place; called after each step."""
