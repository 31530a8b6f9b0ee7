"""NASP: neural architecture search by proximal iterations (arXiv 1905.13577, Algorithm 2)."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from nasp.cli.option_checks import check_not_negative, check_positive
from nasp.core.genotype import Choices
from nasp.core.projection import prox_c2
from nasp.core.relaxation import Relaxation
from nasp.errors import Diverged, NaspError
from nasp.strategies.base import Loss
from nasp.strategies.gradient import GradientOptions, GradientStrategy
from nasp.training.optimization import differentiate, frozen


@dataclass(frozen=True)
class NASPOptions(GradientOptions):
    """Options of NASP.

    Attributes:
        eta: Weight η of the complexity regulariser, which favours operations with few parameters.
        probe_fraction: Share of the inactive candidates that a step evaluates, drawn anew at each
            step. Below 1 the gradient is an unbiased estimate.
    """

    eta: float = 0.0
    probe_fraction: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_not_negative(self, "eta")
        check_positive(self, "probe_fraction")
        if self.probe_fraction > 1:
            raise NaspError(f"probe_fraction is {self.probe_fraction}; it must be at most 1")


class NASP(GradientStrategy):
    """Trains a discrete network at every step: one path runs, never the whole supernet.

    `Ā = prox_C1(A)`; `A ← prox_C2(A − ε ∇_Ā [L_val(w, Ā) + η R(Ā)])`; then the weights take a step
    at the new `prox_C1(A)`. The gradient at the discrete point is exact for all candidates, and
    costs one evaluation of each (`nasp.core.relaxation`).
    """

    Options: ClassVar[type[NASPOptions]] = NASPOptions
    options: NASPOptions

    def prepare(self) -> None:
        super().prepare()
        self._project()

    def weight_relaxation(self) -> Relaxation:
        return self._path

    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        point = self._path.probed(self.options.probe_fraction, self.generator)
        with frozen(self.weights):
            loss = valid_loss(point)
        objective = loss
        if self.options.eta:
            objective = loss + self.options.eta * self.architecture.complexity(point.weights)
        inputs = [*point.weights.values(), *self.space.architecture()]
        self.descend(differentiate(objective, inputs))
        with torch.no_grad():
            for a in self.architecture.values().values():
                a.copy_(prox_c2(a))
        try:
            self._project()
        except Diverged as error:
            if torch.isfinite(loss):
                raise
            # NaN in `A` comes from the loss, so the weights diverged before.
            raise Diverged(
                f"the validation loss is {float(loss.detach())}: lower learning_rate"
            ) from error
        return loss.detach()

    def start_from(self, choices: Choices, margin: float = 0.01) -> None:
        super().start_from(choices, margin)
        self._project()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self._project()

    def _project(self) -> None:
        # Step 3 of an iteration and step 1 of the next project the same point, so it is done once.
        self._path = Relaxation.one_path(self.projection(), self.device)
