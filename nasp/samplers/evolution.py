"""Regularised (aging) evolution (Real et al., AAAI 2019, arXiv 1802.01548, Algorithm 1)."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch

from nasp.cli.option_checks import check_not_negative, check_positive, check_types
from nasp.core.decision import Decision
from nasp.samplers.base import SPREAD, Proposal, Sampler
from nasp.samplers.random import Random
from nasp.samplers.trial import Trial


@dataclass(frozen=True)
class EvolutionOptions:
    """Options of regularised evolution.

    The paper uses a population of 100, a tournament of 25, and 20000 trials. Searches here have
    tens or hundreds of trials: the population must be small to leave trials for children, and the
    tournament large, or the population drifts at random.

    Attributes:
        population: Size of the population, which consists of the latest trials that did not fail.
        tournament: Number of members drawn for each child; the best of them is its parent.
        identity: Probability that a child equals its parent, the paper's identity mutation.
    """

    population: int = 8
    tournament: int = 6
    identity: float = 0.0

    def __post_init__(self) -> None:
        check_types(self)
        check_positive(self, "population", "tournament")
        check_not_negative(self, "identity", below=1.0)


class Evolution(Sampler):
    """Mutates the best of a random few members; the oldest member, not the worst, is removed.

    The first `population` architectures are random. A child differs from its parent by one
    mutation. Its kind is drawn uniformly from the kinds that the space allows: one kept edge moves
    to another source (the paper's hidden-state mutation); one operation is replaced (its op
    mutation); or the continuous architecture, if any, gets normal noise of standard deviation
    `SPREAD`. The paper's identity mutation, one in twenty, is an option. A failed trial does not
    join the population and removes no member.

    """

    Options: ClassVar[type[EvolutionOptions]] = EvolutionOptions
    options: EvolutionOptions

    def prepare(self) -> None:
        self._random = Random(self.decisions, self.generator)
        self._population: deque[Trial] = deque(maxlen=self.options.population)
        self._movable = [d for d in self.decisions if d.keep < len(d.sources)]
        self._changeable = [d for d in self.decisions if len(d.operations) > 1]
        self._mutations: list[Callable[[Proposal], Proposal]] = []
        if self._movable:
            self._mutations.append(self._move_edge)
        if self._changeable:
            self._mutations.append(self._change_operation)
        if self.continuous:
            self._mutations.append(self._shake)

    def propose(self, number: int) -> Proposal:
        size = self.options.population
        if len(self._population) < size:
            return self._shake(self._random.propose(number))
        drawn = [self._population[self._below(size)] for _ in range(self.options.tournament)]
        best = min(drawn, key=lambda member: member.score)
        parent = best.choices, best.offsets
        if not self._mutations:  # the space has a single architecture
            return parent
        if self.options.identity and self._chance() < self.options.identity:
            return parent
        return self._mutations[self._below(len(self._mutations))](parent)

    def learn(self, trial: Trial) -> None:
        if trial.state == "complete":
            self._population.append(trial)

    def _chance(self) -> float:
        return float(torch.rand((), generator=self.generator))

    def _move_edge(self, parent: Proposal) -> Proposal:
        d, slot = self._slot(self._movable)
        pairs = dict(parent[0][d.name])
        left = [source for source in d.sources if source not in pairs]
        operation = pairs.pop(list(pairs)[slot])
        pairs[left[self._below(len(left))]] = operation
        return self._with(parent, d, pairs)

    def _change_operation(self, parent: Proposal) -> Proposal:
        d, slot = self._slot(self._changeable)
        pairs = dict(parent[0][d.name])
        source = list(pairs)[slot]
        others = [operation for operation in d.operations if operation != pairs[source]]
        pairs[source] = others[self._below(len(others))]
        return self._with(parent, d, pairs)

    def _shake(self, parent: Proposal) -> Proposal:
        noise = SPREAD * torch.randn(self.continuous, generator=self.generator)
        choices, offsets = parent
        before = torch.tensor(offsets) if offsets else torch.zeros(self.continuous)
        return choices, tuple((before + noise).tolist())

    def _slot(self, decisions: list[Decision]) -> tuple[Decision, int]:
        """Draw a kept edge uniformly from all edges of these decisions."""
        slots = [(d, slot) for d in decisions for slot in range(d.keep)]
        return slots[self._below(len(slots))]

    def _with(self, parent: Proposal, d: Decision, pairs: dict[str, str]) -> Proposal:
        ordered = tuple(sorted(pairs.items(), key=lambda pair: d.sources.index(pair[0])))
        choices, offsets = parent
        return {**choices, d.name: ordered}, offsets
