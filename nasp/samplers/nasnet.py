"""NASNet's recurrent controller, trained by PPO (Zoph et al., CVPR 2018, arXiv 1707.07012)."""

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
from nasp.core.decision import Decision
from nasp.samplers.advantage import Advantage
from nasp.samplers.base import SPREAD, Proposal, Sampler
from nasp.samplers.slots import Slots
from nasp.samplers.tokens import Tokens
from nasp.samplers.trial import Trial

START = 0.1  # the controller's weights are uniform in ±START at first


@dataclass(frozen=True)
class NASNetOptions:
    """Options of NASNet's controller.

    The paper's learning rate is 0.00035 and its entropy weight 0.00001, for 20,000 trials. Searches
    here have tens or hundreds.

    Attributes:
        units: Number of units of the LSTM.
        learning_rate: Learning rate of Adam.
        entropy_weight: Weight of the entropy bonus; advantages are of order 1.
        baseline_decay: Momentum of the moving average of scores, which is the baseline.
        clip: Largest relative change of a proposal's probability that PPO rewards.
        batch_size: Number of trials of an update.
        updates: Number of steps on each batch. One step is REINFORCE's.
    """

    units: int = 100
    learning_rate: float = 0.01
    entropy_weight: float = 0.01
    baseline_decay: float = 0.95
    clip: float = 0.2
    batch_size: int = 10
    updates: int = 5

    def __post_init__(self) -> None:
        check_types(self)
        check_positive(self, "units", "learning_rate", "clip", "batch_size", "updates")
        check_at_most(self, WIDE, "units")
        check_not_negative(self, "entropy_weight")
        check_not_negative(self, "baseline_decay", below=1.0)


class Controller:
    """An LSTM that chooses an architecture token by token; each token is the next step's input.

    Edges are drawn without replacement: those that a decision already keeps have probability 0.

    Args:
        decisions: The decisions, without operations that are never kept.
        units: Number of units.
        generator: Source of all random numbers, on the CPU.
    """

    def __init__(
        self, decisions: tuple[Decision, ...], units: int, generator: torch.Generator
    ) -> None:
        self.units, self.generator = units, generator
        self.tokens = Tokens(decisions)

        def drawn(*shape: int) -> Tensor:
            values = torch.empty(shape).uniform_(-START, START, generator=generator)
            return values.requires_grad_()

        self._embeddings = drawn(self.tokens.embeddings, units)
        self._gates, self._bias = drawn(2 * units, 4 * units), drawn(4 * units)
        self._heads = [drawn(units + 1, step.size) for step in self.tokens.steps]

    def parameters(self) -> list[Tensor]:
        """Return all weights."""
        return [self._embeddings, self._gates, self._bias, *self._heads]

    def __call__(self, count: int, tokens: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Choose architectures, or follow given ones.

        Args:
            count: Number of architectures.
            tokens: The tokens to follow, int64 `(count, steps)`; drawn if None.

        Returns:
            The tokens, the log-probability of each architecture's tokens, and the entropy of its
            distributions, summed over steps, both `(count,)`.
        """
        hidden = cell = torch.zeros(count, self.units)
        x = self._embeddings[:1].expand(count, -1)
        chosen: list[Tensor] = []
        probability = entropy = torch.zeros(count)
        for position, (step, head) in enumerate(zip(self.tokens.steps, self._heads, strict=True)):
            gates = torch.cat([x, hidden], dim=1) @ self._gates + self._bias
            enter, forget, new, leave = gates.chunk(4, dim=1)
            cell = forget.sigmoid() * cell + enter.sigmoid() * new.tanh()
            hidden = leave.sigmoid() * cell.tanh()
            logits = self.tokens.without_kept(hidden @ head[:-1] + head[-1], chosen)
            logs = logits.log_softmax(1)
            shares = logs.exp()
            if tokens is None:
                token = torch.multinomial(shares, 1, generator=self.generator)[:, 0]
            else:
                token = tokens[:, position]
            chosen.append(token)
            probability = probability + logs.gather(1, token[:, None])[:, 0]
            entropy = entropy - (shares * logs.clamp(min=-1e9)).sum(1)
            x = self._embeddings[step.first + token]
        none = torch.zeros(count, 0, dtype=torch.int64)
        return torch.stack(chosen, 1) if chosen else none, probability, entropy


class NASNet(Sampler):
    """A recurrent controller proposes architectures, which are trained alone.

    After each `batch_size` trials the controller makes `updates` steps of Adam up PPO's objective,
    `min(r·a, clip(r, 1 − ε, 1 + ε)·a)`, averaged over the batch, with an entropy bonus. `r` is the
    probability of a proposal over that when it was proposed, `a` its advantage over a moving
    average of scores. Trials that are told later count with the next batch. The continuous
    architecture, if any, is normal with a learned mean and the fixed deviation `SPREAD`.
    """

    Options: ClassVar[type[NASNetOptions]] = NASNetOptions
    options: NASNetOptions

    def prepare(self) -> None:
        self._slots = Slots(self.decisions, self.generator)
        self.controller = Controller(self.decisions, self.options.units, self.generator)
        self._mean = torch.zeros(self.continuous, requires_grad=True)  # in units of SPREAD
        self._adam = torch.optim.Adam(
            [*self.controller.parameters(), self._mean], lr=self.options.learning_rate
        )
        self._advantage = Advantage(self.options.baseline_decay)
        self._drawn: dict[int, tuple[Tensor, Tensor]] = {}  # tokens and log-probability by number
        self._batch: list[tuple[Tensor, Tensor, Tensor, float]] = []

    @torch.no_grad()
    def propose(self, number: int) -> Proposal:
        tokens, probability, _ = self.controller(1)
        noise = torch.randn(self.continuous, generator=self.generator)
        drawn = self._mean + noise
        self._drawn[number] = tokens[0], probability[0] + self._density(drawn[None])[0]
        choices = self._slots.choices(self.controller.tokens.architectures(tokens))
        return choices, tuple((SPREAD * drawn).tolist())

    def learn(self, trial: Trial) -> None:
        tokens, before = self._drawn.pop(trial.number)
        advantage = self._advantage.of(trial.score)
        if advantage is None:
            return
        self._batch.append((tokens, torch.tensor(trial.offsets) / SPREAD, before, advantage))
        if len(self._batch) < self.options.batch_size:
            return
        columns = zip(*self._batch, strict=True)
        given, drawn, old = (torch.stack(list(next(columns))) for _ in range(3))
        advantages = torch.tensor(list(next(columns)))
        self._batch = []
        for _ in range(self.options.updates):
            _, probability, entropy = self.controller(len(given), given)
            ratio = (probability + self._density(drawn) - old).exp()
            gain = clipped_gain(ratio, advantages, self.options.clip)
            loss = -gain.mean() - self.options.entropy_weight * entropy.mean()
            self._adam.zero_grad()
            if loss.requires_grad:  # not in a space without choices
                loss.backward()  # type: ignore[no-untyped-call]
                self._adam.step()

    def _density(self, drawn: Tensor) -> Tensor:
        """Return the log-density of offsets without its constant, `(count,)`."""
        return -0.5 * (drawn - self._mean).square().sum(1)


def clipped_gain(ratio: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """Return PPO's objective of each proposal (Schulman et al., 2017, arXiv 1707.06347, eq. 7)."""
    return torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)
