"""A sampler that changes one decision of the best architecture so far."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from nasp.cli.option_checks import check_not_negative
from nasp.samplers import SAMPLERS, Proposal, Sampler, Trial
from nasp.samplers.random import Random


@dataclass(frozen=True)
class HillClimbingOptions:
    """Options of hill climbing.

    Attributes:
        explore: Share of random trials.
    """

    explore: float = 0.2

    def __post_init__(self) -> None:
        check_not_negative(self, "explore", below=1)


class HillClimbing(Sampler):
    """Draws one decision of the best trial anew, or sometimes all decisions."""

    Options: ClassVar[type[HillClimbingOptions]] = HillClimbingOptions
    options: HillClimbingOptions

    def prepare(self) -> None:
        self.random = Random(self.decisions, self.generator)
        self.best: Trial | None = None

    def propose(self, number: int) -> Proposal:
        drawn, _ = self.random.propose(number)
        explores = float(torch.rand((), generator=self.generator)) < self.options.explore
        if self.best is None or explores:
            return drawn, ()
        position = int(torch.randint(len(self.decisions), (), generator=self.generator))
        name = self.decisions[position].name
        return {**self.best.choices, name: drawn[name]}, ()

    def learn(self, trial: Trial) -> None:
        if trial.state == "complete" and (self.best is None or trial.score < self.best.score):
            self.best = trial


SAMPLERS.add("hill_climbing", HillClimbing)
