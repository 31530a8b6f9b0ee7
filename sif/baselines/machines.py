"""Factorisation machines of orders two and three.

Their interactions are divided by √dim, for the same reason as in `product`.
"""

from dataclasses import replace
from math import sqrt

import torch
from torch import Tensor

from sif.baselines.base import Baseline
from sif.data.search_data import SearchData
from sif.options import SpaceOptions


def pair_products(embeddings: Tensor) -> Tensor:
    """Return `Σ_{i<j} ⟨e_i, e_j⟩`, in linear time (Rendle, 2010, lemma 3.1).

    Args:
        embeddings: `(entities, ratings, dim)`.

    Returns:
        `(ratings,)`.
    """
    return (embeddings.sum(0).square() - embeddings.square().sum(0)).sum(-1) / 2


def triple_products(embeddings: Tensor) -> Tensor:
    """Return `Σ_{i<j<k} ⟨e_i, e_j, e_k⟩` by Newton's identity (the ANOVA kernel of degree three).

    Args:
        embeddings: `(entities, ratings, dim)`.

    Returns:
        `(ratings,)`.
    """
    one, square = embeddings.sum(0), embeddings.square()
    two, three = square.sum(0), (square * embeddings).sum(0)
    return (one * (one.square() - 3 * two) + 2 * three).sum(-1) / 6


class FM(Baseline):
    """Factorisation machine, `w_0 + Σ_i w_i + Σ_{i<j} ⟨e_i, e_j⟩` (Rendle, 2010, eq. 1).

    The features are the ids, so with two entities it is matrix factorisation with biases.
    """

    biases = True

    def interact(self, embeddings: Tensor) -> Tensor:
        return pair_products(embeddings) / sqrt(self.options.embedding_dim)


class HOFM(Baseline):
    """Factorisation machine of order three (Blondel et al., 2016).

    As in the paper, each order has its own embeddings, so those in the table are twice as long.
    """

    least = 3
    biases = True

    def __init__(self, data: SearchData, options: SpaceOptions, generator: torch.Generator) -> None:
        super().__init__(data, options, generator)
        dim = options.embedding_dim
        self.start_contexts_at(torch.cat([torch.zeros(dim), torch.ones(dim)]))

    def table_options(self) -> SpaceOptions:
        return replace(self.options, embedding_dim=2 * self.options.embedding_dim)

    def interact(self, embeddings: Tensor) -> Tensor:
        second, third = embeddings.chunk(2, dim=-1)
        return (pair_products(second) + triple_products(third)) / sqrt(self.options.embedding_dim)
