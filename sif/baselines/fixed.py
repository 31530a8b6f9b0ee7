"""Inner products, and the single operations of the interaction space without MLPs."""

from math import sqrt
from typing import ClassVar

import torch
from torch import Tensor, nn

from sif.baselines.base import Baseline, into_ball, product
from sif.data.search_data import SearchData
from sif.nn.operations import OPERATIONS, Function
from sif.options import SpaceOptions


class CP(Baseline):
    """CP decomposition of a tensor, `Σ_f Π_n e_n[f]` (Kolda & Bader, 2009, §3)."""

    least = 3  # for two entities it is matrix factorisation

    def __init__(self, data: SearchData, options: SpaceOptions, generator: torch.Generator) -> None:
        super().__init__(data, options, generator)
        self.start_contexts_at(torch.ones(options.embedding_dim))

    def interact(self, embeddings: Tensor) -> Tensor:
        return product(embeddings)


class MF(CP):
    """Matrix factorisation without biases, `⟨u, v⟩`, called "AltGrad" in SIF's tables.

    One coordinate of all users and another of all items starts at √dim, so that the other side can
    learn its bias; all others start near 0. If all start near 0, validation errors on MovieLens
    100K are one percent larger.
    """

    least = most = 2
    biases = False

    def __init__(self, data: SearchData, options: SpaceOptions, generator: torch.Generator) -> None:
        super().__init__(data, options, generator)
        dim, users = options.embedding_dim, data.encoder.sizes[0]
        if dim > 1:
            with torch.no_grad():
                self.embeddings.table[:users, 0] += sqrt(dim)
                self.embeddings.table[users:, 1] += sqrt(dim)


class BiasedMF(CP):
    """Matrix factorisation with biases, `μ + b_u + b_i + ⟨u, v⟩` (Koren et al., 2009, eq. 4)."""

    least = most = 2
    biases = True


class SingleOperation(Baseline):
    """One operation and its linear head, `⟨w, op(e_1, ..., e_N)⟩` with ‖w‖₂ <= 1 (SIF, §4.1)."""

    operation: ClassVar[str]

    def __init__(self, data: SearchData, options: SpaceOptions, generator: torch.Generator) -> None:
        super().__init__(data, options, generator)
        function = Function(self.operation, tuple(range(len(data.encoder.sizes))))
        width = function.width(options.embedding_dim)
        # With heads of one sign, the mean of maxima would be a constant, which the biases express.
        signs = 1.0 - 2.0 * (torch.arange(width) % 2)
        self.head = nn.Parameter(signs / sqrt(width))

    def interact(self, embeddings: Tensor) -> Tensor:
        return OPERATIONS[self.operation](embeddings.unbind()).mv(self.head)

    def constrain(self) -> None:
        into_ball(self.head[None])


class Plus(SingleOperation):
    """`⟨w, u + v⟩`, which is a sum of biases."""

    operation = "plus"


class Max(SingleOperation):
    """`⟨w, max(u, v)⟩`."""

    operation = "max"


class Min(SingleOperation):
    """`⟨w, min(u, v)⟩`."""

    operation = "min"


class Concat(SingleOperation):
    """`⟨w, [u; v]⟩`, which is `Plus` with a head for each entity."""

    operation = "concat"
