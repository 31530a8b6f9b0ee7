"""A general approximator: an MLP over the embeddings, with searched widths."""

import torch
from torch import Tensor

from nasp.core.decision import Decision
from sif.baselines.base import Baseline
from sif.baselines.deep import concatenated, tower
from sif.data.search_data import SearchData
from sif.options import SpaceOptions

LAYERS = 5
WIDTHS = ("0", "2", "4", "8", "16")
DECISIONS = tuple(
    Decision(f"layer{i + 1}", ("input",), WIDTHS, tuple(map(float, WIDTHS))) for i in range(LAYERS)
)
"""The width of each hidden layer; a layer of width 0 is left out (SIF, "Gen-approx", §5.4)."""


class GeneralMLP(Baseline):
    """An MLP from all embeddings of a rating to the rating, which can approximate any function.

    Args:
        data: Numbers of ids.
        options: Length and initial values of embeddings, biases, penalty.
        generator: Draws all initial values.
        widths: Widths of the hidden layers; without any, the model is linear.
    """

    def __init__(
        self,
        data: SearchData,
        options: SpaceOptions,
        generator: torch.Generator,
        widths: tuple[int, ...],
    ) -> None:
        super().__init__(data, options, generator)
        inputs = len(data.encoder.sizes) * options.embedding_dim
        self.deep = tower(inputs, widths, generator)

    def interact(self, embeddings: Tensor) -> Tensor:
        rated: Tensor = self.deep(concatenated(embeddings))
        return rated.squeeze(1)
