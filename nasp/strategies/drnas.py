"""DrNAS: weights of all operations, drawn from Dirichlet distributions (Chen et al., ICLR 2021)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from nasp.cli.option_checks import check_not_negative
from nasp.core.relaxation import Relaxation
from nasp.strategies.base import Loss
from nasp.strategies.darts import DARTS, Gradients
from nasp.strategies.gradient import GradientOptions
from nasp.training.optimization import differentiate, frozen


@dataclass(frozen=True)
class DrNASOptions(GradientOptions):
    """Options of DrNAS.

    Attributes:
        anchor: Weight of the distance of the concentrations from 1, those of the uniform
            distribution, in the loss of `A`.
    """

    betas: tuple[float, float] = (0.5, 0.999)
    anchor: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_not_negative(self, "anchor")


class DrNAS(DARTS):
    """Runs all operations, with weights of each edge drawn from a Dirichlet distribution.

    Its concentrations are `elu(A) + 1`. Their gradient is that of the draw (arXiv 2006.10355,
    eq. 4 to 6). The answer keeps what has the largest mean weights. Without the paper's progressive
    widening and pruning of the network.
    """

    Options: ClassVar[type[DrNASOptions]] = DrNASOptions
    options: DrNASOptions

    def _differentiated(self, train_loss: Loss, valid_loss: Loss) -> tuple[Tensor, Gradients]:
        with frozen(self.weights):
            loss = valid_loss(self._relaxation())
        far = [(c - 1).square().sum() for c in self._concentrations().values()]
        objective = loss + self.options.anchor * torch.stack(far).sum()
        return loss, differentiate(objective, self.parameters)

    def _relaxation(self) -> Relaxation:
        weights = {}
        for name, concentration in self._concentrations().items():
            # A Dirichlet draw is one of gamma variables over their sum. torch.distributions would
            # draw from the global generator.
            gamma = torch._standard_gamma(concentration.cpu(), self.generator).to(concentration)
            gamma = gamma.clamp(min=torch.finfo(gamma.dtype).tiny)
            weights[name] = gamma / gamma.sum(-1, keepdim=True)
        return Relaxation.dense(weights)

    def _concentrations(self) -> dict[str, Tensor]:
        return {n: functional.elu(a) + 1 for n, a in self.architecture.values().items()}

    def _means(self) -> dict[str, Tensor]:
        return {n: c / c.sum(-1, keepdim=True) for n, c in self._concentrations().items()}
