"""Models that are linear in each embedding: `Σ_{i, j, ...} W[i, j, ...] · u_i · v_j · ...`."""

from abc import abstractmethod
from functools import reduce
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sif.baselines.base import Baseline, into_ball
from sif.embeddings import SpaceOptions

if TYPE_CHECKING:
    from sif.visible import Data


class Multilinear(Baseline):
    """A core W of shape `(dim,) * N` against the outer product of N embeddings."""

    @abstractmethod
    def core(self) -> Tensor:
        """The core, `(dim, ..., dim)`, one axis for each entity."""

    def meet(self, embeddings: Tensor) -> Tensor:
        first, *others = embeddings
        dim = first.shape[1]
        # The outer products themselves, `(ratings, dim ** N)`, are never made.
        left = first.mm(self.core().reshape(dim, -1))
        for embedding in others:
            left = left.view(len(embedding), dim, -1)
            left = (embedding.unsqueeze(2) * left).sum(1)
        return left.squeeze(1)


class Outer(Multilinear):
    """The outer product and its linear head, `⟨W, u ⊗ v⟩` with ‖W‖ <= 1 (SIF, table 1).

    Args:
        data: As for all baselines.
        options: As for all baselines.
        generator: As for all baselines.
    """

    def __init__(self, data: "Data", options: SpaceOptions, generator: torch.Generator) -> None:
        super().__init__(data, options, generator)
        shape = (options.embedding_dim,) * len(data.encoder.sizes)
        core = torch.randn(shape, generator=generator)
        self.head = nn.Parameter(core / torch.linalg.vector_norm(core))

    def core(self) -> Tensor:
        return self.head

    def constrain(self) -> None:
        into_ball(self.head.view(1, -1))


class Convolution(Multilinear):
    """Circular convolution and its linear head, `⟨w, u ∗ v⟩` with ‖w‖₂ <= 1 (SIF, table 1).

    `(u ∗ v)_k = Σ_i u_i v_{(k - i) mod dim}`, so the core is `W[i, j] = w_{(i + j) mod dim}`.
    """

    def __init__(self, data: "Data", options: SpaceOptions, generator: torch.Generator) -> None:
        super().__init__(data, options, generator)
        axis = torch.arange(options.embedding_dim)
        grid = torch.meshgrid(*[axis] * len(data.encoder.sizes), indexing="ij")
        self.index: Tensor
        positions = reduce(torch.add, grid) % len(axis)
        self.register_buffer("index", positions, persistent=False)
        head = torch.randn(len(axis), generator=generator)
        self.head = nn.Parameter(head / torch.linalg.vector_norm(head))

    def core(self) -> Tensor:
        return self.head[self.index]

    def constrain(self) -> None:
        into_ball(self.head[None])


class Tucker(Multilinear):
    """Tucker decomposition of a tensor with a trained core (Kolda & Bader, 2009, eq. 4.2).

    It starts near the CP decomposition: a superdiagonal of ones, plus small values elsewhere.
    """

    def __init__(self, data: "Data", options: SpaceOptions, generator: torch.Generator) -> None:
        super().__init__(data, options, generator)
        dim, entities = options.embedding_dim, len(data.encoder.sizes)
        core = options.embedding_std * torch.randn((dim,) * entities, generator=generator)
        core[(torch.arange(dim),) * entities] += 1.0
        self.trained = nn.Parameter(core)

    def core(self) -> Tensor:
        return self.trained
