"""Random search."""

from typing import ClassVar

import torch

from nasp.core.decision import Decision
from nasp.core.genotype import projection_of
from nasp.core.relaxation import Relaxation
from nasp.samplers.base import Proposal, Sampler, name_choices


def even_path(
    decisions: tuple[Decision, ...], generator: torch.Generator, device: torch.device
) -> Relaxation:
    """Return a path that is drawn evenly, with which the weights of all candidates learn."""
    drawn = Random(decisions, generator).ask()[0].choices
    return Relaxation.one_path(projection_of(decisions, drawn), device)


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
