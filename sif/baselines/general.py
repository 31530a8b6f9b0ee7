"""A general approximator: an MLP over the embeddings, whose layers are searched."""

import torch
from torch import Tensor

from nasp.core.decision import Decision
from sif.baselines.base import Baseline
from sif.baselines.deep import side_by_side, tower
from sif.data.search_data import SearchData
from sif.options import SpaceOptions

LAYERS = 5
WIDTHS = ("0", "2", "4", "8", "16")
DECISIONS = tuple(
    Decision(f"layer{i + 1}", ("input",), WIDTHS, tuple(map(float, WIDTHS))) for i in range(LAYERS)
)
"""The width of each hidden layer; a layer of width 0 is left out (SIF, "Gen-approx", §5.4)."""


class GeneralMLP(Baseline):
    """An MLP from all embeddings of a rating to the rating, which could approximate any function.

    Args:
        data: Number of ids.
        options: Length and start values of embeddings, biases, penalty.
        generator: Source of all start values.
        widths: Hidden layers; none is a linear model.
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

    def meet(self, embeddings: Tensor) -> Tensor:
        rated: Tensor = self.deep(side_by_side(embeddings))
        return rated.squeeze(1)
