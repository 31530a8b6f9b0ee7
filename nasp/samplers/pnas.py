"""Progressive search with a learned predictor (Liu et al., ECCV 2018, arXiv 1712.00559)."""

from dataclasses import dataclass
from itertools import combinations, islice, product
from typing import ClassVar

import torch

from nasp.cli.option_checks import check_positive, check_types
from nasp.core.decision import Decision
from nasp.core.genotype import Choices
from nasp.samplers.base import SPREAD, Proposal, Sampler, name_choices
from nasp.samplers.gaussian_process import normal_ranks
from nasp.samplers.predictor import fit_and_predict
from nasp.samplers.slots import Slots
from nasp.samplers.trial import Trial

MOST = 2000  # choices of a decision that are considered


@dataclass(frozen=True)
class PNASOptions:
    """Options of the progressive search.

    Attributes:
        beam: Number of architectures tried at each level; the paper tries 256.
    """

    beam: int = 10

    def __post_init__(self) -> None:
        check_types(self)
        check_positive(self, "beam")


class PNAS(Sampler):
    """Settles one decision after the other, each time for the best architectures so far.

    The paper's cells grow by a block at each level. Here architectures have a fixed size, so
    "progressive" means that a level frees one more decision. The first pass begins with a random
    architecture. The first level tries the choices of its first decision, all else equal. Each
    level takes the `beam` best architectures of the level before, and gives them all choices of the
    next decision. A predictor, trained on all trials so far, ranks these children, and the `beam`
    most promising new ones are tried. After the last decision another pass begins with the best
    architecture found.

    The predictor is an ensemble of five networks, as in the paper. Its input is which `(edge,
    operation)` pairs an architecture keeps. It predicts the normal quantiles of the ranks of
    scores. Offsets of the continuous architecture are normal around those of the best trial.
    """

    Options: ClassVar[type[PNASOptions]] = PNASOptions
    options: PNASOptions

    def prepare(self) -> None:
        self._slots = Slots(self.decisions, self.generator)
        self._level = -1
        self._queue: list[Choices] = []
        self._beam: list[Choices] = []  # architectures of this level
        self._tried: set[str] = set()
        self._told: list[Trial] = []

    def propose(self, number: int) -> Proposal:
        if not self._queue:
            self._grow()
        choices = self._queue.pop(0)
        self._tried.add(repr(choices))
        noise = SPREAD * torch.randn(self.continuous, generator=self.generator)
        best = self._best([t for t in self._told if t.state == "complete"], 1)
        before = torch.tensor(best[0].offsets) if best else torch.zeros(self.continuous)
        return choices, tuple((before + noise).tolist())

    def learn(self, trial: Trial) -> None:
        self._told.append(trial)

    def _grow(self) -> None:
        """Fill the queue with the next level that has new architectures."""
        for _ in range(len(self.decisions) + 1):
            self._level = (self._level + 1) % len(self.decisions)
            decision, parents = self.decisions[self._level], self._parents()
            children = {
                repr(child): child
                for parent in parents
                for kept in _options(decision)
                if repr(child := {**parent, decision.name: kept}) not in self._tried
            }
            self._beam = parents  # a parent is the child that keeps its choice
            if children:
                self._queue = self._promising(list(children.values()))
                self._beam = [*parents, *self._queue]
                return
        self._queue = [self._drawn()]

    def _parents(self) -> list[Choices]:
        """Return the best architectures of the level before, or the start of a pass."""
        beam = [repr(choices) for choices in self._beam]
        if self._level:
            own = [trial for trial in self._told if repr(trial.choices) in beam]
            return [t.choices for t in self._best(own, self.options.beam)] or self._beam
        best = self._best(self._told, 1)
        return [best[0].choices if best else self._drawn()]

    def _promising(self, children: list[Choices]) -> list[Choices]:
        if len(self._told) < 2:
            order = torch.randperm(len(children), generator=self.generator)
        else:
            scores = torch.tensor([trial.score for trial in self._told])
            features, others = (
                torch.cat([self._slots.present(self._slots.of(one)) for one in some])
                for some in ([trial.choices for trial in self._told], children)
            )
            values = fit_and_predict(features, normal_ranks(scores), others, self.generator)
            order = values.argsort(descending=True, stable=True)
        return [children[i] for i in order[: self.options.beam].tolist()]

    def _best(self, trials: list[Trial], count: int) -> list[Trial]:
        return sorted(trials, key=lambda trial: trial.score)[:count]

    def _drawn(self) -> Choices:
        return self._slots.choices(self._slots.draw(1))


def _options(d: Decision) -> list[tuple[tuple[str, str], ...]]:
    edges, operations = d.shape
    kept = (
        name_choices(d, chosen, kinds)
        for chosen in combinations(range(edges), d.keep)
        for kinds in product(range(operations), repeat=d.keep)
    )
    return list(islice(kept, MOST))
