"""The contract of multi-trial search, and its smallest instance."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from nasp.core.decision import Decision
from nasp.core.genotype import Choices

# Standard deviation of the offsets that samplers try, in the parameters' own units. Start values of
# a network are of order 1. On MovieLens 100K functions with random offsets of 0.1 are as good as
# fresh ones, with some better; at 0.3 and above most are worse.
SPREAD = 0.1


@dataclass(frozen=True)
class Proposal:
    """An architecture to try.

    Attributes:
        choices: For each decision the kept `(source, operation)` pairs, in the order of sources.
        offsets: The continuous architecture, as deviations in the parameters' own units from one
            fixed, seeded start of the space's, flattened in the order of
            `SearchSpace.architecture()`: either `continuous` numbers, or none, and then the space
            draws its continuous architecture fresh for each trial.
    """

    choices: Choices
    offsets: tuple[float, ...] = ()


class Sampler(ABC):
    """Proposes architectures one at a time, and learns from their scores.

    The same tells make the same asks: all chance comes from `generator`, so that a resumed run
    needs no state of the sampler.

    Args:
        decisions: What is to be decided. A sampler sees them without the operation that means
            absence, which is never kept: `self.decisions`.
        generator: Source of all its choices, on the CPU.
        continuous: Number of parameters of the space's continuous architecture; 0 if it has none.
    """

    def __init__(
        self, decisions: tuple[Decision, ...], generator: torch.Generator, continuous: int = 0
    ) -> None:
        self.decisions = tuple(d.without_absent() for d in decisions)
        self.generator = generator
        self.continuous = continuous

    @abstractmethod
    def ask(self) -> Proposal:
        """The next architecture to try."""

    @abstractmethod
    def tell(self, proposal: Proposal, score: float) -> None:
        """Learn the score of what was asked for last.

        Args:
            proposal: What was asked for.
            score: The smaller the better; infinite where the trial failed. A sampler that computes
                with scores takes the worst that it has seen for an infinite one; one that only
                compares them may take it as it is.
        """

    def _below(self, count: int) -> int:
        """A uniform integer from 0 to `count - 1`, which fits 64 bits."""
        return int(torch.randint(count, (), generator=self.generator))


def named(
    decision: Decision, edges: Iterable[int], operations: Iterable[int]
) -> tuple[tuple[str, str], ...]:
    """The `(source, operation)` pairs of positions: kept edges, ascending, and their operations."""
    return tuple(
        (decision.sources[e], decision.operations[k])
        for e, k in zip(edges, operations, strict=True)
    )


class Random(Sampler):
    """Uniform over edges and operations, each trial on its own.

    It makes no offsets: the continuous architecture of each trial is as the space draws it.
    """

    def ask(self) -> Proposal:
        return Proposal({d.name: self._choose(d) for d in self.decisions})

    def tell(self, proposal: Proposal, score: float) -> None:
        """Nothing to learn."""

    def _choose(self, decision: Decision) -> tuple[tuple[str, str], ...]:
        edges, operations = decision.shape
        kept = torch.randperm(edges, generator=self.generator)[: decision.keep].sort().values
        drawn = torch.randint(operations, (decision.keep,), generator=self.generator)
        return named(decision, kept.tolist(), drawn.tolist())
