"""Many architectures at once, as tensors, for samplers that compare or predict them.

A slot is an edge that a decision keeps. An architecture is the edge and the operation of each slot.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from nasp.core.decision import Decision
from nasp.core.genotype import Choices
from nasp.samplers.base import name_choices


@dataclass(frozen=True)
class Architectures:
    """Some architectures.

    Attributes:
        edges: Position of each slot's edge among its decision's, int64 `(architectures, slots)`.
        operations: Position of its operation, int64 `(architectures, slots)`.
    """

    edges: Tensor
    operations: Tensor

    def __len__(self) -> int:
        return len(self.edges)

    def __getitem__(self, which: Tensor) -> "Architectures":
        return Architectures(self.edges[which], self.operations[which])

    def and_also(self, others: Self) -> "Architectures":
        """Return these architectures and then the others."""
        return Architectures(
            torch.cat([self.edges, others.edges]), torch.cat([self.operations, others.operations])
        )


class Slots:
    """The slots of a space's decisions.

    Args:
        decisions: The decisions, without operations that are never kept.
        generator: Source of all random numbers, on the CPU.

    Attributes:
        decision_of: Position of each slot's decision, int64 `(slots,)`.
        edge_count: Number of edges of each slot's decision, `(slots,)`.
        operation_count: Number of its operations, `(slots,)`.
        pairs: Number of `(edge, operation)` pairs of all decisions.
    """

    def __init__(self, decisions: tuple[Decision, ...], generator: torch.Generator) -> None:
        self.decisions, self.generator = decisions, generator
        of = [i for i, d in enumerate(decisions) for _ in range(d.keep)]
        shapes = torch.tensor([decisions[i].shape for i in of])
        self.decision_of = torch.tensor(of)
        self.edge_count, self.operation_count = shapes.unbind(1)
        sizes = [d.shape[0] * d.shape[1] for d in decisions]
        self.pairs = sum(sizes)
        starts = torch.tensor([0, *sizes[:-1]]).cumsum(0)
        self._start = starts[self.decision_of]

    def draw(self, count: int) -> Architectures:
        """Draw architectures uniformly."""
        edges = []
        for d in self.decisions:
            noise = torch.rand(count, len(d.sources), generator=self.generator)
            edges.append(noise.topk(d.keep, dim=1).indices.sort(dim=1).values)
        noise = torch.rand(count, len(self.decision_of), generator=self.generator)
        return Architectures(torch.cat(edges, dim=1), (noise * self.operation_count).long())

    def mutate(self, parents: Architectures) -> Architectures:
        """Change the edge or the operation of one slot of each architecture.

        An edge that its decision already keeps is not taken, and the architecture stays as it is.
        """
        count = len(parents)
        noise = torch.rand(4, count, generator=self.generator)
        slot = (noise[0] * len(self.decision_of)).long()
        rows = torch.arange(count)
        moves = (self.edge_count > 1)[slot] & ((noise[1] < 0.5) | (self.operation_count == 1)[slot])
        edges, operations = parents.edges.clone(), parents.operations.clone()
        edge = (noise[2] * self.edge_count[slot]).long()
        same = self.decision_of == self.decision_of[slot, None]  # (count, slots)
        moves_to = moves & ~((edges == edge[:, None]) & same).any(1)
        edges[rows[moves_to], slot[moves_to]] = edge[moves_to]
        others = (self.operation_count[slot] - 1).clamp(min=1)
        step = 1 + (noise[3] * others).long()
        changed = (operations[rows, slot] + step) % self.operation_count[slot]
        operations[rows[~moves], slot[~moves]] = changed[~moves]
        return Architectures(edges, operations)

    def of(self, choices: Choices) -> Architectures:
        """Return one architecture, given its choices."""
        edges, operations = [], []
        for d in self.decisions:
            for source, operation in choices[d.name]:
                edges.append(d.sources.index(source))
                operations.append(d.operations.index(operation))
        return Architectures(torch.tensor([edges]), torch.tensor([operations]))

    def choices(self, one: Architectures) -> Choices:
        """Return the choices of a single architecture."""
        edges, operations = one.edges[0].tolist(), one.operations[0].tolist()
        choices, position = {}, 0
        for d in self.decisions:
            own = slice(position, position + d.keep)
            order = sorted(zip(edges[own], operations[own], strict=True))
            choices[d.name] = name_choices(d, *zip(*order, strict=True))
            position += d.keep
        return choices

    def present(self, some: Architectures) -> Tensor:
        """Return which `(edge, operation)` pairs architectures keep, 0 or 1.

        Returns:
            float64 `(architectures, pairs)`; the pairs of a decision are in the order of its edges.
        """
        positions = self._start + some.edges * self.operation_count + some.operations
        found = torch.zeros(len(some), self.pairs, dtype=torch.float64)
        return found.scatter_(1, positions, 1.0)
