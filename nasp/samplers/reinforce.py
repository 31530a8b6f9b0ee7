"""A controller trained by REINFORCE (Williams, 1992; for architectures Zoph & Le, ICLR 2017)."""

from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import torch
from torch import Tensor

from nasp.cli.option_checks import check_not_negative, check_positive, check_types
from nasp.samplers.advantage import Advantage
from nasp.samplers.base import SPREAD, Proposal, Sampler, name_choices
from nasp.samplers.trial import Trial

MEAN_RATE = 0.1  # learning rate of the means, in units of SPREAD; their gradients are unbounded
MOMENTUM = 0.9  # of the moving averages, which span about ten trials


@dataclass(frozen=True)
class ReinforceOptions:
    """Options of REINFORCE.

    Attributes:
        learning_rate: Learning rate of the logits. Published controllers take thousands of smaller
            steps.
        entropy_weight: Weight of the entropy bonus; advantages are of order 1.
    """

    learning_rate: float = 0.5
    entropy_weight: float = 0.05

    def __post_init__(self) -> None:
        check_types(self)
        check_positive(self, "learning_rate")
        check_not_negative(self, "entropy_weight")


class Reinforce(Sampler):
    """A policy of independent logits, trained along `advantage · ∇ log p(proposal)`.

    Each decision has a logit for each edge and for each operation on each edge. The kept edges are
    the `keep` largest of logit + Gumbel noise, which draws them without replacement with
    probabilities proportional to `exp(logit)` (Kool et al., ICML 2019, arXiv 1903.06059). Each kept
    edge then draws its operation. The continuous architecture, if any, is normal with a learned
    mean and the fixed standard deviation `SPREAD` (Williams, 1992).

    The advantage is the moving average of the scores minus the score, divided by the moving root
    mean square of that difference, so it has no unit. A failed trial gets the worst score so far.
    The entropy bonus is the sum of the entropies of all softmaxes.

    """

    Options: ClassVar[type[ReinforceOptions]] = ReinforceOptions
    options: ReinforceOptions

    def prepare(self) -> None:
        self.edges = {d.name: torch.zeros(d.shape[0], requires_grad=True) for d in self.decisions}
        self.operations = {d.name: torch.zeros(d.shape, requires_grad=True) for d in self.decisions}
        self.mean = torch.zeros(self.continuous, requires_grad=True)  # in units of SPREAD
        self._advantage = Advantage(MOMENTUM)

    @torch.no_grad()
    def propose(self, number: int) -> Proposal:
        choices = {}
        for d in self.decisions:
            kept = self._noisy(self.edges[d.name]).topk(d.keep).indices.sort().values
            drawn = self._noisy(self.operations[d.name][kept]).argmax(dim=-1)
            choices[d.name] = name_choices(d, kept.tolist(), drawn.tolist())
        noise = torch.randn(self.continuous, generator=self.generator)
        return choices, tuple((SPREAD * (self.mean + noise)).tolist())

    def learn(self, trial: Trial) -> None:
        advantage = self._advantage.of(trial.score)
        if advantage is None:
            return
        bonus = self.options.entropy_weight * self._entropy()
        objective = advantage * self.log_probability(trial) + bonus
        logits = [*self.edges.values(), *self.operations.values()]
        *gradients, of_mean = torch.autograd.grad(
            objective, [*logits, self.mean], materialize_grads=True
        )
        with torch.no_grad():
            for parameter, gradient in zip(logits, gradients, strict=True):
                parameter += self.options.learning_rate * gradient
            self.mean += MEAN_RATE * of_mean

    def log_probability(self, trial: Trial) -> Tensor:
        """Return `log p(proposal)`, a scalar, without the constant term of the density of offsets.

        A trial stores the set of kept edges but not the order of the draws, so its probability is
        the sum over all orders.
        """
        terms = []
        for d in self.decisions:
            pairs = trial.choices[d.name]
            kept = [d.sources.index(source) for source, _ in pairs]
            kinds = [d.operations.index(operation) for _, operation in pairs]
            terms.append(log_probability_of_set(self.edges[d.name], kept))
            terms.append(self.operations[d.name].log_softmax(-1)[kept, kinds].sum())
        if trial.offsets:
            terms.append(-0.5 * (torch.tensor(trial.offsets) / SPREAD - self.mean).square().sum())
        return torch.stack(terms).sum()

    def _entropy(self) -> Tensor:
        logits = [*self.edges.values(), *self.operations.values()]
        return torch.stack([-(x.softmax(-1) * x.log_softmax(-1)).sum() for x in logits]).sum()

    def _noisy(self, logits: Tensor) -> Tensor:
        """Add standard Gumbel noise, `-log` of a standard exponential variable, to logits."""
        return logits - torch.empty_like(logits).exponential_(generator=self.generator).log()


def log_probability_of_set(logits: Tensor, kept: list[int]) -> Tensor:
    """Return the log-probability that draws without replacement yield a set, in any order.

    It is computed from the empty set upwards, over `2^keep` sets instead of `keep!` orders:
    `P(S) = Σ_{e∈S} P(S∖e) · exp(logit_e) / Σ_{f∉S∖e} exp(logit_f)`.

    Args:
        logits: The logit of each edge, `(edges,)`.
        kept: Distinct positions of the edges in the set.

    Returns:
        A scalar, differentiable in `logits`.
    """
    found = {frozenset[int](): logits.new_zeros(())}
    for size in range(1, len(kept) + 1):
        for subset in map(frozenset, combinations(kept, size)):
            terms = []
            for last in sorted(subset):
                before = subset - {last}
                left = [e for e in range(len(logits)) if e not in before]
                terms.append(found[before] + logits[last] - logits[left].logsumexp(0))
            found[subset] = torch.stack(terms).logsumexp(0)
    return found[frozenset(kept)]
