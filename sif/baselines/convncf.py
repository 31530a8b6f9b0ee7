"""ConvNCF: hidden layers over the map of all products of two embeddings' elements."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from sif.baselines.base import Baseline
from sif.baselines.deep import layer
from sif.embeddings import SpaceOptions

if TYPE_CHECKING:
    from sif.visible import Data

CHANNELS = 32  # of each layer, as in the paper


class ConvNCF(Baseline):
    """Convolutions over the outer product (He et al., 2018, §3).

    Each layer has kernels of 2 x 2 with stride 2 and halves the map, until it is 1 x 1: three
    layers for `embedding_dim` 8, where the paper has six for 64. A map of odd size gets a zero row
    and column. Patches do not overlap, so a layer is one matrix product.
    """

    most = 2

    def __init__(self, data: "Data", options: SpaceOptions, generator: torch.Generator) -> None:
        super().__init__(data, options, generator)
        depth = (options.embedding_dim - 1).bit_length()
        inputs = [1] + [CHANNELS] * depth
        self.convolutions = nn.ModuleList(
            layer(4 * channels, CHANNELS, generator) for channels in inputs[:depth]
        )
        self.head = layer(inputs[-1], 1, generator)

    def meet(self, embeddings: Tensor) -> Tensor:
        user, item = embeddings
        field = (user.unsqueeze(2) * item.unsqueeze(1)).unsqueeze(3)  # ratings, dim, dim, channels
        for convolution in self.convolutions:
            field = convolution(_patches(field)).relu()
        rated: Tensor = self.head(field.flatten(1))
        return rated.squeeze(1)

    def tower(self) -> Iterator[nn.Parameter]:
        yield from self.convolutions.parameters()
        yield from self.head.parameters()


def _patches(field: Tensor) -> Tensor:
    """Patches of 2 x 2: `(ratings, size, size, c)` to `(ratings, half, half, 4 · c)`."""
    ratings, size, _, channels = field.shape
    odd = size % 2
    if odd:
        field = pad(field, (0, 0, 0, odd, 0, odd))
    half = (size + odd) // 2
    field = field.view(ratings, half, 2, half, 2, channels)
    return field.transpose(2, 3).reshape(ratings, half, half, 4 * channels)
