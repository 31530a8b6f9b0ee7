"""`FieldModel`, the contract of models of clicks, and their batches."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nasp.core.relaxation import Relaxation
from sif.nn.embeddings import Embeddings
from sif.nn.graph import Propagation
from sif.options import FieldOptions

FEATURE_SCALE = 1.0  # Adam's steps for weights of features are as large as those for embeddings


class ClickBatch(NamedTuple):
    """A batch of rows with labels.

    Attributes:
        rows: Rows of the embedding table, integers, `(fields, rows)`.
        labels: 1 for a click, 0 for none, `(rows,)`.
        trained: Whether they are training rows, for which hidden units are dropped.
    """

    rows: Tensor
    labels: Tensor
    trained: bool = False


class FieldModel(nn.Module, ABC):
    """Predicts the logit of a click from rows of the embedding table of all fields.

    Attributes:
        options: Options of the model, including kind and weight of the penalty.
    """

    options: FieldOptions

    @abstractmethod
    def rate(
        self, rows: Tensor, relaxation: Relaxation | None = None, *, trained: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Return logits, and the embeddings for the penalty.

        Args:
            rows: Rows of the table, `(fields, rows)`.
            relaxation: Weights of the candidates of a space; None for a model without choices.
            trained: Whether they are training rows, for which hidden units are dropped.

        Returns:
            Logits `(rows,)`, and the embeddings with biases, `(fields or more, rows, any)`.
        """

    def forward(self, batch: ClickBatch) -> tuple[Tensor, Tensor]:
        """Return `rate` for a batch."""
        return self.rate(batch.rows, trained=batch.trained)

    def size(self) -> int:
        """Number of parameters."""
        return sum(parameter.numel() for parameter in self.parameters())

    def constrain(self) -> None:
        """Project the weights onto the model's constraints, in place; called after each step."""


def field_embeddings(
    sizes: tuple[int, ...],
    options: FieldOptions,
    generator: torch.Generator,
    features: Propagation | None = None,
) -> Embeddings:
    """Make the embedding table of all fields.

    The last row of a field is that of unknown ids: zero, which the penalty makes the mean of the
    others, and no training row changes it.

    Args:
        sizes: Number of rows of each field.
        options: Length, initial values, biases.
        generator: Draws the initial values.
        features: The features of all rows; None if there are none.
    """
    embeddings = Embeddings(sizes, options, generator, features, FEATURE_SCALE)
    with torch.no_grad():
        embeddings.table[torch.tensor(sizes).cumsum(0) - 1] = 0.0
    return embeddings
