"""SNAS: all operations, weighted by a draw of a relaxed choice (Xie et al., ICLR 2019)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from nasp.cli.option_checks import check_not_negative
from nasp.core.relaxation import Relaxation
from nasp.strategies.base import Loss
from nasp.strategies.concrete import check_range, gumbel, progress
from nasp.strategies.darts import DARTS
from nasp.strategies.gradient import GradientOptions
from nasp.training.optimization import differentiate, frozen


@dataclass(frozen=True)
class SNASOptions(GradientOptions):
    """Options of SNAS.

    Attributes:
        temperature: Temperature λ of the concrete distribution in the first epoch and in the last
            one; each epoch multiplies it by the same factor.
        resource: Weight of the logarithm of the architecture's cost, the number of parameters of
            what the draw weighs, in the loss of `A`.
    """

    betas: tuple[float, float] = (0.5, 0.999)
    weight_decay: float = 1e-3
    temperature: tuple[float, float] = (1.0, 0.03)
    resource: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("temperature", self.temperature)
        check_not_negative(self, "resource")


class SNAS(DARTS):
    """Runs all operations, weighted by `Z = softmax((A + g) / λ)` with Gumbel noise g.

    There is one level: the weights and `A` take their steps by the training loss of the same batch
    under the same draw (arXiv 1812.09926, eq. 3 and 5). The answer keeps the best operation of the
    best edges of each node, where the paper keeps all edges.
    """

    Options: ClassVar[type[SNASOptions]] = SNASOptions
    options: SNASOptions

    def prepare(self) -> None:
        super().prepare()
        self.temperature = self.options.temperature[0]
        self._drawn: Relaxation | None = None
        costs = {d.name: torch.tensor(d.cost, device=self.device) for d in self.space.decisions}
        self._costs = {name: cost.float() for name, cost in costs.items()}

    def begin_epoch(self, position: int, epochs: int) -> None:
        first, last = self.options.temperature
        self.temperature = first * (last / first) ** progress(position, epochs)

    def weight_relaxation(self) -> Relaxation:
        """Return the draw of the architecture step before; a new one in a warm-up."""
        drawn, self._drawn = self._drawn or self._relaxation().detached(), None
        return drawn

    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        point = self._relaxation()
        with frozen(self.weights):
            loss = train_loss(point)
        objective = loss
        if self.options.resource and (cost := self._cost(point)) is not None:
            objective = loss + self.options.resource * cost.log()
        self.descend(differentiate(objective, self.parameters))
        self._drawn = point.detached()
        return loss.detach()

    def _cost(self, point: Relaxation) -> Tensor | None:
        """Return `Σ Z[e,k] · cost_k` over all decisions, a scalar; None if nothing costs."""
        if not any(float(cost.sum()) for cost in self._costs.values()):
            return None
        return torch.stack([(w @ self._costs[n]).sum() for n, w in point.weights.items()]).sum()

    def _relaxation(self) -> Relaxation:
        weights = {}
        for name, a in self.architecture.values().items():
            weights[name] = ((a + gumbel(a, self.generator)) / self.temperature).softmax(dim=-1)
        return Relaxation.dense(weights)
