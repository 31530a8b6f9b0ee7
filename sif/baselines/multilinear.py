"""Models that are linear in each embedding: `Σ_{i, j, ...} W[i, j, ...] · u_i · v_j · ...`."""

from abc import abstractmethod
from functools import reduce
from math import sqrt

import torch
from torch import Tensor, nn

from sif.baselines.base import Baseline, into_ball
from sif.data.search_data import SearchData
from sif.options import SpaceOptions

NOISE = 0.3  # norm of the initial values of Tucker's core off its superdiagonal of norm 1


class Multilinear(Baseline):
    """The inner product of a core W, `(dim,) * N`, and the outer product of N embeddings."""

    @abstractmethod
    def core(self) -> Tensor:
        """Return the core, `(dim, ..., dim)`, with an axis for each entity."""

    def interact(self, embeddings: Tensor) -> Tensor:
        first, *others = embeddings
        dim = first.shape[1]
        # The outer products, `(ratings, dim ** N)`, are never computed.
        left: Tensor = first.mm(self.core().reshape(dim, -1))
        for embedding in others:
            left = left.view(len(embedding), dim, left.shape[1] // dim)
            left = (embedding.unsqueeze(2) * left).sum(1)
        return left.squeeze(1)


class Convolution(Multilinear):
    """Circular convolution and its linear head, `⟨w, u ∗ v⟩ / √dim`, ‖w‖₂ <= 1 (SIF, table 1).

    `(u ∗ v)_k = Σ_i u_i v_{(k - i) mod dim}`: the core is `W[i, j] = w_{(i + j) mod dim} / √dim`,
    whose norm is that of w.
    """

    def __init__(self, data: SearchData, options: SpaceOptions, generator: torch.Generator) -> None:
        super().__init__(data, options, generator)
        axis = torch.arange(options.embedding_dim)
        grid = torch.meshgrid(*[axis] * len(data.encoder.sizes), indexing="ij")
        self.index: Tensor
        positions = reduce(torch.add, grid) % len(axis)
        self.register_buffer("index", positions, persistent=False)
        unit = torch.eye(1, len(axis)).squeeze(0)
        self.start_contexts_at(unit)
        # Starts as a product with one embedding permuted: a random head favours few frequencies.
        self.head = nn.Parameter(unit)

    def core(self) -> Tensor:
        return self.head[self.index] / sqrt(len(self.head))

    def constrain(self) -> None:
        into_ball(self.head[None])


class Cored(Multilinear):
    """A trained core with ‖W‖ <= 1: embeddings, which are penalised, have the scale."""

    def __init__(self, data: SearchData, options: SpaceOptions, generator: torch.Generator) -> None:
        super().__init__(data, options, generator)
        self.trained = nn.Parameter(self.start(len(data.encoder.sizes), generator))

    @abstractmethod
    def start(self, entities: int, generator: torch.Generator) -> Tensor:
        """Return the initial core, `(dim,) * entities`."""

    def core(self) -> Tensor:
        return self.trained

    def constrain(self) -> None:
        into_ball(self.trained.view(1, -1))


class Outer(Cored):
    """The outer product and its linear head, `⟨W, u ⊗ v⟩` with ‖W‖ <= 1 (SIF, table 1)."""

    most = 2

    def start(self, entities: int, generator: torch.Generator) -> Tensor:
        core = torch.randn((self.options.embedding_dim,) * entities, generator=generator)
        return torch.div(core, torch.linalg.vector_norm(core))


class Tucker(Cored):
    """Tucker decomposition of a tensor with a trained core (Kolda & Bader, 2009, §4).

    It starts near the CP decomposition, at a superdiagonal core plus small values elsewhere.
    """

    least = 3

    def __init__(self, data: SearchData, options: SpaceOptions, generator: torch.Generator) -> None:
        super().__init__(data, options, generator)
        self.start_contexts_at(torch.ones(options.embedding_dim))

    def start(self, entities: int, generator: torch.Generator) -> Tensor:
        dim = self.options.embedding_dim
        core = torch.randn((dim,) * entities, generator=generator)
        core *= NOISE / torch.linalg.vector_norm(core)
        core[(torch.arange(dim),) * entities] += 1 / sqrt(dim)
        return torch.div(core, torch.linalg.vector_norm(core))
