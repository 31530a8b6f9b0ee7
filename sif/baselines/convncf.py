"""ConvNCF: convolutions over the outer product of two embeddings."""

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from sif.baselines.base import Baseline
from sif.baselines.deep import layer
from sif.data.search_data import SearchData
from sif.options import SpaceOptions

CHANNELS = 16  # channels of each layer; the paper has 32, for maps of 64 x 64


class ConvNCF(Baseline):
    """Convolutions over the outer product (He et al., 2018, §3).

    Each layer has kernels of 2 x 2 with stride 2 and halves the map, until it is 1 x 1: three
    layers for `embedding_dim` 8; the paper has six for 64. A map of odd size gets a zero row and
    column. Patches do not overlap, so a layer is one matrix product.

    With random initial weights, the penalty soon makes the products of small embeddings vanish, and
    only the biases remain. The paper starts at the embeddings of a trained matrix factorisation.
    Here the network starts as one: two channels of each patch hold the sum of the diagonal and its
    negative, so that their final difference is the map's trace.
    """

    most = 2
    tower_rate = 0.03

    def __init__(self, data: SearchData, options: SpaceOptions, generator: torch.Generator) -> None:
        super().__init__(data, options, generator)
        depth = (options.embedding_dim - 1).bit_length()
        inputs = [1] + [CHANNELS] * depth
        self.convolutions = nn.ModuleList(
            layer(4 * channels, CHANNELS, generator) for channels in inputs[:depth]
        )
        self.head = layer(inputs[-1], 1, generator)
        self._start_as_product(options.embedding_dim)

    @torch.no_grad()
    def _start_as_product(self, dim: int) -> None:
        for depth, convolution in enumerate(self.convolutions):
            # (output channels, positions in the patch, input channels)
            kernel = convolution.get_parameter("weight").view(CHANNELS, 4, -1)
            kernel[:2] = 0.0
            for diagonal in (0, 3):
                kernel[0, diagonal, 0] = 1.0
                kernel[1, diagonal, 1 if depth else 0] = 1.0 if depth else -1.0
        signs = torch.tensor([1.0, -1.0])[: len(self.head.weight[0])]
        self.head.weight.zero_()
        self.head.weight[0, : len(signs)] = signs / sqrt(dim)

    def interact(self, embeddings: Tensor) -> Tensor:
        user, item = embeddings
        field = (user.unsqueeze(2) * item.unsqueeze(1)).unsqueeze(3)  # ratings, dim, dim, channels
        for convolution in self.convolutions:
            field = convolution(_patches(field)).relu()
        rated: Tensor = self.head(field.flatten(1))
        return rated.squeeze(1)


def _patches(field: Tensor) -> Tensor:
    """Rearrange `(ratings, size, size, c)` to patches of 2 x 2, `(ratings, half, half, 4 · c)`."""
    ratings, size, _, channels = field.shape
    odd = size % 2
    if odd:
        field = pad(field, (0, 0, 0, odd, 0, odd))
    half = (size + odd) // 2
    field = field.view(ratings, half, 2, half, 2, channels)
    return field.transpose(2, 3).reshape(ratings, half, half, 4 * channels)
