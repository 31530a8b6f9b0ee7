"""The contract of multi-trial search, and its smallest instance."""

from abc import ABC, abstractmethod

import torch

from nasp.core.decision import Decision
from nasp.core.genotype import Choices


class Sampler(ABC):
    """Proposes architectures one at a time, and learns from their scores.

    Args:
        decisions: What is to be decided.
        generator: Source of all its choices.
    """

    def __init__(self, decisions: tuple[Decision, ...], generator: torch.Generator) -> None:
        self.decisions = decisions
        self.generator = generator

    @abstractmethod
    def ask(self) -> Choices:
        """The next architecture to try."""

    @abstractmethod
    def tell(self, choices: Choices, score: float) -> None:
        """Learn the score, smaller is better, of the architecture asked for last."""


class Random(Sampler):
    """Uniform over edges and operations, each trial on its own."""

    def ask(self) -> Choices:
        return {d.name: self._choose(d) for d in self.decisions}

    def tell(self, choices: Choices, score: float) -> None:
        """Nothing to learn."""

    def _choose(self, decision: Decision) -> tuple[tuple[str, str], ...]:
        edges, operations = decision.shape
        kept = torch.randperm(edges, generator=self.generator)[: decision.keep].sort().values
        drawn = torch.randint(operations, (decision.keep,), generator=self.generator)
        return tuple(
            (decision.sources[e], decision.operations[k])
            for e, k in zip(kept.tolist(), drawn.tolist(), strict=True)
        )
