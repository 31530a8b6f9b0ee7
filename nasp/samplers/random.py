"""Random search."""

from typing import ClassVar

import torch

from nasp.core.decision import Decision
from nasp.samplers.base import Proposal, Sampler, name_choices


class Random(Sampler):
    """Draws edges and operations uniformly and independently.

    It proposes no offsets: the space draws the continuous architecture of each trial.
    """

    learns: ClassVar[bool] = False

    def propose(self, number: int) -> Proposal:
        return {d.name: self._choose(d) for d in self.decisions}, ()

    def _choose(self, decision: Decision) -> tuple[tuple[str, str], ...]:
        edges, operations = decision.shape
        kept = torch.randperm(edges, generator=self.generator)[: decision.keep].sort().values
        drawn = torch.randint(operations, (decision.keep,), generator=self.generator)
        return name_choices(decision, kept.tolist(), drawn.tolist())
