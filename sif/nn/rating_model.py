"""The contract of a model of ratings."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from sif.nn.embeddings import RatingBatch
from sif.options import SpaceOptions


class RatingModel(nn.Module, ABC):
    """Predicts standardised ratings from rows of the table of all entities.

    Attributes:
        options: Kind and weight of the penalty, among others.
    """

    options: SpaceOptions

    @abstractmethod
    def rate(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Predictions, and the embeddings that the penalty is on.

        Args:
            rows: Rows of the table, `(entities, ratings)`.

        Returns:
            Standardised predictions `(ratings,)` and what was looked up,
            `(entities or more, ratings, any)`.
        """

    def forward(self, batch: RatingBatch) -> tuple[Tensor, Tensor]:
        """What `rate` returns for the rows of a batch."""
        return self.rate(batch[0])

    def size(self) -> int:
        """How many numbers it learns."""
        return sum(parameter.numel() for parameter in self.parameters())

    def constrain(self) -> None:
        """Project the parameters onto the model's constraints, in place; called after each step."""
