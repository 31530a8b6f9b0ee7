"""Small spaces of the three kinds, for the contract tests."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from nasp.testing import ToyCNN, ToyRNN, ToySpace
from sif.nn.embeddings import RatingBatch
from sif.nn.space import InteractionSpace
from sif.objectives import rating_loss
from sif.options import TrainOptions


class ToyCF(InteractionSpace, ToySpace):
    """The interaction space with three entities and few ids."""

    def __init__(self, generator: torch.Generator) -> None:
        options = TrainOptions(
            embedding_dim=3,
            embedding_std=1.0,
            encoders=("id",),
            elementwise=True,
            penalty="squared",
        )
        super().__init__((7, 6, 4), options, generator)

    def loss(self, outputs: Any, batch: Any) -> Tensor:
        return rating_loss(outputs, batch[1], self.options)

    def batches(self, generator: torch.Generator) -> Iterator[RatingBatch]:
        first = torch.tensor([0, 7, 13])
        while True:
            positions = torch.stack(
                [torch.randint(size, (8,), generator=generator) for size in self.embeddings.sizes]
            )
            ratings = torch.randn(8, generator=generator, dtype=self.heads.dtype)
            yield RatingBatch(positions + first[:, None], ratings)


TOYS = {"cnn": ToyCNN, "rnn": ToyRNN, "cf": ToyCF}
