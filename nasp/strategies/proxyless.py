"""ProxylessNAS: two drawn paths on each edge, and binary gates (Cai et al., ICLR 2019)."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from nasp.core.relaxation import Relaxation
from nasp.strategies.base import Loss
from nasp.strategies.concrete import best_of_edges
from nasp.strategies.darts import DARTS
from nasp.strategies.gradient import GradientOptions
from nasp.training.optimization import differentiate, frozen

Drawn = dict[str, Tensor]
"""Positions of the operations that are drawn on each edge, `(edges, draws)`, on the host."""


@dataclass(frozen=True)
class ProxylessOptions(GradientOptions):
    """Options of ProxylessNAS.

    Attributes:
        learning_rate: Adam's step size.
    """

    learning_rate: float = 6e-3
    betas: tuple[float, float] = (0.0, 0.999)


class Proxyless(DARTS):
    """Compares two operations on each edge, of which one runs (arXiv 1812.00332, section 3.2).

    With `p = softmax A`, a step of the weights trains one operation of each edge, drawn from p. A
    step of the architecture draws two operations of each edge without replacement, and a binary
    gate that decides which of both runs, with their probabilities among the two. The gradient with
    respect to a gate g is `∂L/∂g_k = ⟨∂L/∂node, op_k⟩`, and over both operations
    `∂L/∂A_i = Σ_j ∂L/∂g_j p_j (δ_ij − p_i)`. After the step both weights are shifted together, so
    that the probabilities of all other operations stay as they were. Other operations are not
    changed by moving averages or by weight decay.

    The answer keeps the most probable operation of the best edges of each node, where the paper's
    networks have one edge for each decision.
    """

    Options: ClassVar[type[ProxylessOptions]] = ProxylessOptions
    answer: ClassVar[Literal["best", "last"]] = "best"
    options: ProxylessOptions

    def weight_relaxation(self) -> Relaxation:
        return self._path(self._draw(1))

    def search_relaxation(self) -> Relaxation:
        """Return the network of the most probable operation of each edge."""
        likely = {name: best_of_edges(a) for name, a in self.architecture.values().items()}
        return Relaxation.one_path(likely, self.device)

    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        values = self.architecture.values()
        pairs = self._draw(2)
        gates, running = {}, {}
        for name, pair in pairs.items():
            among = values[name].gather(1, pair.to(self.device)).softmax(-1)
            gates[name] = among
            place = torch.multinomial(among.detach().cpu(), 1, generator=self.generator)
            running[name] = pair.gather(1, place)
        path = self._path(running).probed()
        path = replace(
            path,
            probes={
                name: {(e, k): 1.0 for e, row in enumerate(pair.tolist()) for k in row}
                for name, pair in pairs.items()
            },
        )
        with frozen(self.weights):
            loss = valid_loss(path)
        found = differentiate(loss, [*path.weights.values(), *self.space.architecture()])
        of_gates = [
            torch.zeros_like(gate)
            if gradient is None
            else gradient.gather(1, pairs[name].to(self.device))
            for (name, gate), gradient in zip(gates.items(), found, strict=False)
        ]
        of_weights = torch.autograd.grad(list(gates.values()), list(values.values()), of_gates)
        self._descend_on(pairs, (*of_weights, *found[len(gates) :]))
        return loss.detach()

    def _descend_on(self, pairs: Drawn, gradients: tuple[Tensor | None, ...]) -> None:
        """Take a step that keeps the probabilities of all operations that were not drawn."""
        values = self.architecture.values()
        before = {name: a.detach().clone() for name, a in values.items()}
        self.descend(gradients)
        with torch.no_grad():
            for name, a in values.items():
                pair = pairs[name].to(self.device)
                old, new = before[name].gather(1, pair), a.gather(1, pair)
                new += old.logsumexp(1, keepdim=True) - new.logsumexp(1, keepdim=True)
                a.copy_(before[name].scatter(1, pair, new))

    def _draw(self, count: int) -> Drawn:
        """Draw operations of each edge without replacement, at most as many as there are."""
        return {
            name: torch.multinomial(
                p.detach().cpu(), min(count, p.shape[1]), generator=self.generator
            )
            for name, p in self._means().items()
        }

    def _path(self, running: Drawn) -> Relaxation:
        """Return the network in which one operation of each edge runs, `(edges, 1)`."""
        values = self.architecture.values()
        return Relaxation.one_path(
            {
                n: functional.one_hot(k[:, 0], values[n].shape[1]).float()
                for n, k in running.items()
            },
            self.device,
        )
