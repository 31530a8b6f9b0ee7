"""Neural architecture optimisation (Luo et al., NeurIPS 2018, arXiv 1808.07233)."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from nasp.cli.option_checks import (
    WIDE,
    check_at_most,
    check_not_negative,
    check_positive,
    check_types,
)
from nasp.core.genotype import Choices
from nasp.errors import NaspError
from nasp.samplers.autoencoder import AutoEncoder
from nasp.samplers.base import SPREAD, Proposal, Sampler
from nasp.samplers.gaussian_process import normal_ranks
from nasp.samplers.slots import Slots
from nasp.samplers.tokens import Tokens
from nasp.samplers.trial import Trial

DOUBLINGS = 8  # steps of a code, each twice as long as the one before
DRAWS = 20  # to find a random architecture that was not tried


Child = tuple[Choices, Trial]  # an architecture, and the trial that its code came from


@dataclass(frozen=True)
class NAOOptions:
    """Options of neural architecture optimisation.

    The paper tries 1000 architectures, hundreds of them in each round. Its LSTMs have 96 units and
    embeddings of length 32, and are trained for 1000 epochs with learning rate 0.001 and a weight
    of 0.9 of the predictor. Searches here have tens or hundreds of trials.

    Attributes:
        startup: Number of random trials before the first round.
        batch_size: Number of trials of a round.
        parents: Largest number of the best architectures whose codes are moved; 100 in the paper.
        units: Length of embeddings and of a code's vectors.
        epochs: Number of steps of Adam in a round, each on all trials.
        learning_rate: Learning rate of Adam.
        predictor_weight: Weight of the predictor's squared error, from 0 to 1. That of the
            reconstruction's cross-entropy is the rest.
        step: Length of the first step; a vector of a code has length 1.
    """

    startup: int = 20
    batch_size: int = 10
    parents: int = 100
    units: int = 32
    epochs: int = 30
    learning_rate: float = 0.01
    predictor_weight: float = 0.8
    step: float = 0.1

    def __post_init__(self) -> None:
        check_types(self)
        check_positive(self, "startup", "batch_size", "parents", "units", "epochs")
        check_positive(self, "learning_rate", "step")
        check_at_most(self, WIDE, "units")
        check_not_negative(self, "predictor_weight")
        if self.predictor_weight > 1:
            raise NaspError(f"predictor_weight is {self.predictor_weight}; it must be at most 1")


class NAO(Sampler):
    """Moves the codes of the best architectures towards better predicted scores.

    The first trials are random. Then each round trains an encoder, a predictor and a decoder on all
    trials that have ended, from the weights of the round before. Scores are replaced by their
    ranks, scaled to 0–1, so their unit and outliers do not matter, and failed trials are the worst.
    The codes of the best architectures are moved along the gradient of the predicted score. A
    code's step is doubled until the decoder gives an architecture that was not tried, at most seven
    times. The round tries the new architectures of the best predicted scores.

    The paper's step grows by equal parts, and its rounds try all new architectures. Here random new
    ones fill a round that has too few, and the best is tried again where draws find no new one. A
    round waits for the results of as many trials as it proposes; random ones are tried meanwhile.
    Offsets of the continuous architecture are normal around those of the parent.
    """

    Options: ClassVar[type[NAOOptions]] = NAOOptions
    options: NAOOptions

    def prepare(self) -> None:
        self._slots = Slots(self.decisions, self.generator)
        self._tokens = Tokens(self.decisions)
        if self._tokens.steps:
            self.model = AutoEncoder(self._tokens, self.options.units, self.generator)
            self._adam = torch.optim.Adam(self.model.parameters(), lr=self.options.learning_rate)
        self._queue: list[Child] = []  # with the parents
        self._tried: set[str] = set()
        self._told: list[Trial] = []
        self._trained = 0  # trials that the networks were trained on

    def propose(self, number: int) -> Proposal:
        due = len(self._told) >= self._trained + self.options.batch_size
        if number >= self.options.startup and due and not self._queue and self._tokens.steps:
            self._queue, self._trained = self._round(), len(self._told)
        choices, parent = self._queue.pop(0) if self._queue else self._drawn()
        self._tried.add(repr(choices))
        noise = SPREAD * torch.randn(self.continuous, generator=self.generator)
        before = torch.tensor(parent.offsets) if parent else torch.zeros(self.continuous)
        return choices, tuple((before + noise).tolist())

    def learn(self, trial: Trial) -> None:
        self._told.append(trial)

    def _round(self) -> list[Child]:
        """Train the networks, and return the next trials' choices with their parents."""
        parents = self._best(self.options.parents)
        if not parents:
            return []
        scores = torch.tensor([trial.score for trial in self._told])
        shares = torch.special.ndtr(normal_ranks(scores)).float()
        self._train(self._tokens_of([trial.choices for trial in self._told]), shares)
        found = self._moved(parents)
        if not found:
            return []
        with torch.no_grad():
            tokens = self._tokens_of([choices for choices, _ in found])
            predicted = self.model.predict(self.model.encode(tokens))
        order = predicted.argsort(descending=True, stable=True)[: self.options.batch_size]
        return [found[i] for i in order.tolist()]

    def _train(self, tokens: Tensor, targets: Tensor) -> None:
        weight = self.options.predictor_weight
        for _ in range(self.options.epochs):
            error, entropy = self.model.losses(tokens, targets)
            self._adam.zero_grad()
            (weight * error + (1 - weight) * entropy).backward()  # type: ignore[no-untyped-call]
            self._adam.step()

    def _moved(self, parents: list[Trial]) -> list[Child]:
        """Return a new architecture for each parent that leads to one."""
        with torch.no_grad():
            codes = self.model.encode(self._tokens_of([trial.choices for trial in parents]))
        found: dict[str, Child] = {}
        left = list(range(len(parents)))
        for doubling in range(DOUBLINGS):
            moved = self.model.move(codes[left], self.options.step * 2**doubling)
            some = self._tokens.architectures(self.model.decode(moved))
            before, left = left, []
            for row, parent in enumerate(before):
                choices = self._slots.choices(some[torch.tensor([row])])
                if repr(choices) in self._tried or repr(choices) in found:
                    left.append(parent)
                else:
                    found[repr(choices)] = choices, parents[parent]
            if not left:
                break
        return list(found.values())

    def _drawn(self) -> tuple[Choices, Trial | None]:
        """Return a random new architecture, or the best again, with its trial."""
        for _ in range(DRAWS):
            choices = self._slots.choices(self._slots.draw(1))
            if repr(choices) not in self._tried:
                return choices, None
        best = self._best(1)
        return (best[0].choices, best[0]) if best else (choices, None)

    def _best(self, count: int) -> list[Trial]:
        complete = [trial for trial in self._told if math.isfinite(trial.score)]
        return sorted(complete, key=lambda trial: trial.score)[:count]

    def _tokens_of(self, choices: list[Choices]) -> Tensor:
        return torch.cat([self._tokens.of(self._slots.of(one)) for one in choices])
