"""Models with hidden layers: Wide & Deep, and neural collaborative filtering."""

from dataclasses import replace
from math import sqrt

import torch
from torch import Tensor, nn

from sif.baselines.base import Baseline, into_ball
from sif.data.search_data import SearchData
from sif.nn.operations import OPERATIONS
from sif.options import SpaceOptions


def layer(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """Make a linear layer with He's initial weights, drawn from the generator, and zero bias."""
    linear = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
    nn.init.kaiming_normal_(linear.weight, nonlinearity="relu", generator=generator)
    nn.init.zeros_(linear.bias)
    return linear


def tower(inputs: int, widths: tuple[int, ...], generator: torch.Generator) -> nn.Sequential:
    """Make hidden layers with ReLU and a linear head, `(ratings, inputs)` to `(ratings, 1)`."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [layer(inputs, width, generator), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, layer(inputs, 1, generator))


def concatenated(embeddings: Tensor) -> Tensor:
    """Concatenate embeddings `(entities, ratings, dim)` to `(ratings, entities · dim)`."""
    return embeddings.transpose(0, 1).flatten(1)


class DeepWide(Baseline):
    """Wide & Deep (Cheng et al., 2016, §3): a linear model of the ids plus hidden layers.

    The wide part is the biases of the ids. The widths of the deep part's layers halve, starting at
    four times `embedding_dim`, which is the paper's shape for shorter embeddings.
    """

    biases = True

    def __init__(self, data: SearchData, options: SpaceOptions, generator: torch.Generator) -> None:
        super().__init__(data, options, generator)
        dim = options.embedding_dim
        inputs = len(data.encoder.sizes) * dim
        self.deep = tower(inputs, (4 * dim, 2 * dim, dim), generator)

    def interact(self, embeddings: Tensor) -> Tensor:
        rated: Tensor = self.deep(concatenated(embeddings))
        return rated.squeeze(1)


class NCF(Baseline):
    """Neural matrix factorisation (He et al., 2017, §3.4), with a squared loss on ratings.

    One head joins a product of embeddings and hidden layers over other embeddings (eq. 12). Its
    half for the product obeys ‖w‖₂ <= 1, like the heads of the interaction space. As in the paper,
    each half has its own embeddings (so those in the table are twice as long), and the widths of
    the layers halve down to `embedding_dim`.
    """

    def __init__(self, data: SearchData, options: SpaceOptions, generator: torch.Generator) -> None:
        super().__init__(data, options, generator)
        dim = options.embedding_dim
        inputs = len(data.encoder.sizes) * dim
        self.deep = tower(inputs, (4 * dim, 2 * dim, dim), generator)
        self.head = nn.Parameter(torch.full((dim,), 1 / sqrt(dim)))
        self.start_contexts_at(torch.ones(dim))  # in the product's half

    def table_options(self) -> SpaceOptions:
        return replace(self.options, embedding_dim=2 * self.options.embedding_dim)

    def interact(self, embeddings: Tensor) -> Tensor:
        generalised, deep = embeddings.chunk(2, dim=-1)
        from_layers: Tensor = self.deep(concatenated(deep))
        return OPERATIONS["multiply"](generalised.unbind()).mv(self.head) + from_layers.squeeze(1)

    def constrain(self) -> None:
        into_ball(self.head[None])
