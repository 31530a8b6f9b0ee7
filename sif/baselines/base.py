"""`Baseline`, the base class of fixed models of ratings."""

from abc import abstractmethod
from dataclasses import replace
from functools import reduce
from math import sqrt
from typing import ClassVar

import torch
from torch import Tensor, nn

from nasp.errors import NaspError
from sif.data.search_data import SearchData
from sif.nn.embeddings import Embeddings
from sif.nn.rating_model import RatingModel
from sif.options import SpaceOptions


class Baseline(RatingModel):
    """A fixed interaction function of embeddings, plus biases if there are any.

    Args:
        data: Numbers of ids, and the training ratings for models that use them.
        options: Length and initial values of embeddings, biases, penalty.
        generator: Draws all initial values.

    Raises:
        NaspError: The model does not support this number of entities.
    """

    least: ClassVar[int] = 2
    """Smallest number of entities."""
    most: ClassVar[int | None] = None
    """Largest number of entities; None for any."""
    biases: ClassVar[bool | None] = None
    """Whether the model has biases; None leaves this to the options."""

    tower_rate: ClassVar[float] = 0.1
    """Learning rate of hidden layers, as a factor on that of embeddings and biases."""

    def __init__(self, data: SearchData, options: SpaceOptions, generator: torch.Generator) -> None:
        super().__init__()
        sizes = data.encoder.sizes
        if not self.takes(len(sizes)):
            needed = f"{self.least}" if self.most else f"{self.least} or more"
            raise NaspError(
                f"{type(self).__name__} takes {needed} entities, and the ratings have "
                f"{len(sizes)}: choose another baseline"
            )
        self.options = options if self.biases is None else replace(options, biases=self.biases)
        self.embeddings = Embeddings(sizes, self.table_options(), generator)

    @classmethod
    def takes(cls, entities: int) -> bool:
        """Whether the model supports this number of entities."""
        return cls.least <= entities and (cls.most is None or entities <= cls.most)

    def table_options(self) -> SpaceOptions:
        """Return the options of the embedding table; some models need longer embeddings."""
        return self.options

    @torch.no_grad()
    def start_contexts_at(self, unit: Tensor) -> None:
        """Set the initial embeddings of all entities but the first two.

        A product of three embeddings near 0 has almost no gradient, so the penalty makes them
        vanish. With the contexts at √dim times the product's identity, the model starts as a
        product of users and items, without the factor 1/√dim.

        Args:
            unit: The identity element of the product, `(dim,)`.
        """
        first = sum(self.embeddings.sizes[:2])
        self.embeddings.table[first:, : len(unit)] += sqrt(self.options.embedding_dim) * unit

    def rate(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        looked_up = self.embeddings.look_up(rows)
        embeddings, bias = self.embeddings.parts(looked_up)
        rating = self.interact(embeddings)
        return (rating if bias is None else rating + bias), looked_up

    @abstractmethod
    def interact(self, embeddings: Tensor) -> Tensor:
        """Predict ratings `(ratings,)` of embeddings `(entities, ratings, dim)`, without biases."""

    def tower(self) -> list[nn.Parameter]:
        """Return the parameters of hidden layers and heads, which need a smaller step size."""
        layers = [module for module in self.modules() if isinstance(module, nn.Linear)]
        return [parameter for layer in layers for parameter in layer.parameters()]


def product(embeddings: Tensor) -> Tensor:
    """Return the inner product of N embeddings, `Σ_f Π_n e_n[f] / √dim`.

    The factor is not part of the published formulas, but larger embeddings can compensate for it.
    With it, a product has a head of norm 1, like the operations of the interaction space. So one
    `weight_decay` suits both, for any `embedding_dim`.

    Args:
        embeddings: `(entities, ratings, dim)`.

    Returns:
        `(ratings,)`.
    """
    first, *others = embeddings
    joined: Tensor = reduce(torch.mul, others, first)
    return joined.sum(-1) / sqrt(first.shape[-1])


@torch.no_grad()
def into_ball(vectors: Tensor) -> None:
    """Scale each vector of `(vectors, any)` to ‖·‖₂ <= 1, in place."""
    norms = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    vectors.div_(norms.clamp_(min=1.0))
