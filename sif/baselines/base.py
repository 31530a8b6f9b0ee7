"""What the fixed models share: embeddings, biases, and the number of entities that they take."""

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
    """A fixed formula for how embeddings meet, plus biases where there are any.

    Args:
        data: Number of ids, and the training ratings for the models that are made of them.
        options: Length and start values of embeddings, biases, penalty.
        generator: Source of all start values.

    Raises:
        NaspError: The model does not take so many entities.
    """

    least: ClassVar[int] = 2
    """Entities at least."""
    most: ClassVar[int | None] = None
    """Entities at most; None if the model is one of any number."""
    biases: ClassVar[bool | None] = None
    """Whether it has biases, if that is part of the model; None leaves it to the options."""

    tower_rate: ClassVar[float] = 0.1
    """Learning rate of the hidden layers, of that of embeddings and biases."""

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
        """Whether the model is one of so many entities."""
        return cls.least <= entities and (cls.most is None or entities <= cls.most)

    def table_options(self) -> SpaceOptions:
        """What the table of embeddings is made by; a model may need longer ones than it is told."""
        return self.options

    @torch.no_grad()
    def start_contexts_at(self, unit: Tensor) -> None:
        """Move the start of all entities but the first two.

        A product of three embeddings near 0 has almost no gradient, and the penalty makes them
        vanish. With the others at √dim times the product's unit it starts as one of users and
        items, without its factor 1/√dim.

        Args:
            unit: What leaves a product with it as it is, `(dim,)`.
        """
        first = sum(self.embeddings.sizes[:2])
        self.embeddings.table[first:, : len(unit)] += sqrt(self.options.embedding_dim) * unit

    def rate(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        looked_up = self.embeddings.look_up(rows)
        embeddings, bias = self.embeddings.parts(looked_up)
        rating = self.meet(embeddings)
        return (rating if bias is None else rating + bias), looked_up

    @abstractmethod
    def meet(self, embeddings: Tensor) -> Tensor:
        """Ratings without biases, `(ratings,)`, of embeddings `(entities, ratings, dim)`."""

    def tower(self) -> list[nn.Parameter]:
        """Parameters of hidden layers and their heads, which take smaller steps than the rest."""
        layers = [module for module in self.modules() if isinstance(module, nn.Linear)]
        return [parameter for layer in layers for parameter in layer.parameters()]


def product(embeddings: Tensor) -> Tensor:
    """The inner product of N embeddings, `Σ_f Π_n e_n[f] / √dim`.

    The factor is no part of the formulas: embeddings can be larger by as much. With it a product
    has a head of norm 1, as the interaction space's operations have, so that one `weight_decay`
    suits both and any `embedding_dim`.

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
