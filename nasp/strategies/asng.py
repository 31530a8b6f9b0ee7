"""ASNG: categorical distributions and an adaptive natural gradient (Akimoto et al., ICML 2019)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import torch
from torch import Tensor

from nasp.cli.option_checks import check_at_most, check_positive
from nasp.core.genotype import Choices
from nasp.errors import NaspError
from nasp.samplers.base import name_choices
from nasp.strategies.base import Loss
from nasp.strategies.paths import PathOptions, PathStrategy

MOST_SETS = 100_000  # of kept edges of a decision, each of which has a probability
MOST_SAMPLES = 1000

Drawn = dict[str, tuple[int, list[int]]]
"""For each decision the position of the set of kept edges, and the operation of each of them."""


@dataclass(frozen=True)
class ASNGOptions(PathOptions):
    """Options of ASNG. The defaults are those of the paper.

    Attributes:
        learning_rate: Trust region δ0 of the first step: the length of a step of θ in the norm of
            the Fisher information.
        samples: Number of paths λ that a step of the architecture compares, at least 2.
        threshold: Threshold α: the steps grow while the squared norm of the accumulated direction
            exceeds this, where 1 is that of random directions.
    """

    learning_rate: float = 1.0
    samples: int = 2
    threshold: float = 1.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "learning_rate", "threshold")
        check_at_most(self, MOST_SAMPLES, "samples")
        if self.samples < 2:
            raise NaspError(f"samples is {self.samples}; it must be at least 2")


class ASNG(PathStrategy):
    """Takes steps along the natural gradient of θ, whose length adapts to how noisy they are.

    Each decision has a categorical variable for the set of edges that it keeps, and one for the
    operation of each edge, all independent and uniform at first. A step draws λ paths, gives the
    best quarter by the validation loss the utility 1 and the worst quarter −1, and moves θ along
    `G = Σ u (onehot − θ) / λ` (arXiv 1905.08537, Algorithm 1). The operation of an edge that a path
    does not keep has no effect on its loss, so its part of the sum, whose mean is zero, is left
    out. The answer is the most probable set and operations.

    The step has the length δ = δ0/Δ in the norm `‖G‖² = Σ G²/θ` of the Fisher information. A small
    lower bound on θ keeps every candidate possible.

    The weights take each step under one new draw, where the paper averages over λ of them.

    Raises:
        NaspError: A decision has too many sets of kept edges.
    """

    Options: ClassVar[type[ASNGOptions]] = ASNGOptions
    options: ASNGOptions

    def prepare(self) -> None:
        super().prepare()
        self.sets: dict[str, Tensor] = {}
        self.theta: dict[str, Tensor] = {}
        for d in self.decisions:
            edges, operations = d.shape
            count = math.comb(edges, d.keep)
            if count > MOST_SETS:
                raise NaspError(
                    f"asng has a probability for each set of kept edges, and {d.name} has {count:,}"
                    f" sets of {d.keep} of {edges} edges, more than {MOST_SETS:,}: keep fewer edges"
                    " or take another strategy"
                )
            self.sets[d.name] = torch.tensor(list(combinations(range(edges), d.keep)))
            self.theta[_edges(d.name)] = torch.full((1, count), 1 / count).double()
            self.theta[d.name] = torch.full((edges, operations), 1 / operations).double()
        variables = sum(len(theta) for theta in self.theta.values() if theta.shape[1] > 1)
        self.size = max(1, sum(len(t) * (t.shape[1] - 1) for t in self.theta.values()))
        self.least = {name: _least(t.shape[1], variables) for name, t in self.theta.items()}
        self.accumulated = {name: torch.zeros_like(t) for name, t in self.theta.items()}
        self.gamma, self.delta = 0.0, 1.0
        # Break ties between equal probabilities, above all in the uniform start.
        self.ties = {
            name: 1e-9 * torch.rand(t.shape, generator=self.generator).double()
            for name, t in self.theta.items()
        }

    def draw(self) -> Choices:
        return self._named(self._drawn())

    def likeliest(self) -> Choices:
        best = {name: (t + self.ties[name]).argmax(1).tolist() for name, t in self.theta.items()}
        chosen = {}
        for name, sets in self.sets.items():
            (number,) = best[_edges(name)]
            chosen[name] = number, [best[name][edge] for edge in sets[number].tolist()]
        return self._named(chosen)

    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        drawn = [self._drawn() for _ in range(self.options.samples)]
        losses = self.losses([self._named(one) for one in drawn], valid_loss)
        self.learn(drawn, utilities(losses.tolist()))
        return losses.mean().to(self.device)

    def learn(self, drawn: Sequence[Drawn], values: Sequence[float]) -> None:
        """Take a step of θ by the utilities of drawn paths; none if all utilities are zero."""
        gradient = {name: torch.zeros_like(t) for name, t in self.theta.items()}
        for one, value in zip(drawn, values, strict=True):
            share = value / len(drawn)
            for name, (number, operations) in one.items():
                kept = self.sets[name][number]
                self._add(gradient[_edges(name)], _edges(name), [0], [number], share)
                self._add(gradient[name], name, kept.tolist(), operations, share)
        root = {name: g / self.theta[name].sqrt() for name, g in gradient.items()}
        norm = math.sqrt(sum(float(r.square().sum()) for r in root.values()))
        if norm == 0.0:
            return
        step = self.options.learning_rate / self.delta
        beta = min(1.0, step / math.sqrt(self.size))
        for name, theta in self.theta.items():
            self.theta[name] = bounded(theta + step / norm * gradient[name], self.least[name])
            self.accumulated[name].mul_(1 - beta)
            self.accumulated[name].add_(root[name], alpha=math.sqrt(beta * (2 - beta)) / norm)
        self.gamma = (1 - beta) ** 2 * self.gamma + beta * (2 - beta)
        length = sum(float(s.square().sum()) for s in self.accumulated.values())
        self.delta *= math.exp(beta * (self.gamma - length / self.options.threshold))

    def probabilities(self) -> Mapping[str, Tensor]:
        """Return the probability that a candidate is in a path, `(edges, operations)`."""
        found = {}
        for d in self.decisions:
            sets = self.sets[d.name]
            of_sets = self.theta[_edges(d.name)][0]
            kept = of_sets.new_zeros(d.shape[0])
            kept.index_add_(0, sets.flatten(), of_sets.repeat_interleave(sets.shape[1]))
            found[d.name] = (kept[:, None] * self.theta[d.name]).float()
        return found

    def start_from(self, choices: Choices, margin: float = 0.01) -> None:
        """Start from an architecture: mix θ with a share `margin` of its one-hot variables."""
        for d in self.decisions:
            pairs = [(d.sources.index(s), d.operations.index(k)) for s, k in choices[d.name]]
            edges = torch.tensor(sorted(edge for edge, _ in pairs))
            number = int((self.sets[d.name] == edges).all(1).nonzero())
            for name, rows in ((_edges(d.name), [(0, number)]), (d.name, pairs)):
                for row, column in rows:
                    self.theta[name][row] *= 1 - margin
                    self.theta[name][row, column] += margin
                self.theta[name] = bounded(self.theta[name], self.least[name])

    def state_dict(self) -> dict[str, Any]:
        own = {"theta": self.theta, "accumulated": self.accumulated, "ties": self.ties}
        return super().state_dict() | own | {"gamma": self.gamma, "delta": self.delta}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        for own in ("theta", "accumulated", "ties"):
            setattr(self, own, {name: t.clone() for name, t in state[own].items()})
        self.gamma, self.delta = state["gamma"], state["delta"]

    def _drawn(self) -> Drawn:
        drawn = {}
        for name, sets in self.sets.items():
            number = int(
                torch.multinomial(self.theta[_edges(name)][0], 1, generator=self.generator)
            )
            rows = self.theta[name][sets[number]]
            operations = torch.multinomial(rows, 1, generator=self.generator)[:, 0]
            drawn[name] = number, operations.tolist()
        return drawn

    def _named(self, drawn: Drawn) -> Choices:
        choices = {}
        for d in self.decisions:
            number, operations = drawn[d.name]
            choices[d.name] = name_choices(d, self.sets[d.name][number].tolist(), operations)
        return choices

    def _add(
        self, gradient: Tensor, name: str, rows: list[int], columns: list[int], share: float
    ) -> None:
        """Add `share · (onehot − θ)` of some variables, in place."""
        gradient[rows] -= share * self.theta[name][rows]
        gradient[rows, columns] += share


def utilities(losses: Sequence[float]) -> list[float]:
    """Return 1 for the smallest quarter of losses, −1 for the largest, and 0 for the others.

    A quarter is rounded up. Equal losses share the mean of their utilities. A loss that is not a
    number counts as infinite.
    """
    known = [math.inf if math.isnan(loss) else loss for loss in losses]
    ranked, quarter = sorted(known), math.ceil(len(known) / 4)
    by_rank = [1.0] * quarter + [0.0] * (len(known) - 2 * quarter) + [-1.0] * quarter
    found = []
    for loss in known:
        first, count = ranked.index(loss), ranked.count(loss)
        found.append(sum(by_rank[first : first + count]) / count)
    return found


def bounded(theta: Tensor, least: float) -> Tensor:
    """Return probabilities of at least `least`, `(variables, categories)`, whose rows sum to 1.

    In a row that has a smaller one, what is above the bound is scaled by one factor.

    Args:
        theta: Numbers whose rows sum to 1.
        least: The bound, below `1 / categories`.
    """
    above = theta.clamp(min=least) - least
    left = 1 - theta.shape[1] * least
    mended = least + left * above / above.sum(1, keepdim=True)
    return torch.where((theta < least).any(1, keepdim=True), mended, theta)


def _least(categories: int, variables: int) -> float:
    """Return the bound `1 / (d (C − 1))` on θ, but at most half of a uniform probability.

    The paper's bound alone would not leave θ any room in spaces of few variables.
    """
    if categories == 1:
        return 0.0
    return min(1 / (variables * (categories - 1)), 0.5 / categories)


def _edges(name: str) -> str:
    """Return the key of the variable of a decision's set of edges; no decision has a dot."""
    return f"{name}.edges"
