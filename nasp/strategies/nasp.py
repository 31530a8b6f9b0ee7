"""NASP: neural architecture search by proximal iterations (arXiv 1905.13577, Algorithm 2)."""

from typing import Any

import torch
from torch import Tensor

from nasp.core.genotype import Choices
from nasp.core.projection import prox_c2
from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from nasp.strategies.base import Loss, Strategy, StrategyOptions
from nasp.training.optimization import differentiate, frozen


class NASP(Strategy):
    """The network is discrete at every step: one path runs, and the supernet is never trained.

    `Ā = prox_C1(A)`; `A ← prox_C2(A − ε ∇_Ā [L_val(w, Ā) + η R(Ā)])`; then the weights step at the
    new `prox_C1(A)`. The gradient at the discrete point covers all candidates exactly, at the
    price of one evaluation each (`nasp.core.relaxation`).
    """

    def __init__(
        self, space: SearchSpace, generator: torch.Generator, options: StrategyOptions
    ) -> None:
        super().__init__(space, generator, options)
        self.generator = generator
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
        self._descend(differentiate(objective, inputs))
        with torch.no_grad():
            for a in self.architecture.values().values():
                a.copy_(prox_c2(a))
        self._project()
        return loss.detach()

    def begin_at(self, choices: Choices, margin: float = 0.01) -> None:
        super().begin_at(choices, margin)
        self._project()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self._project()

    def _project(self) -> None:
        # Step 3 of one iteration and step 1 of the next are the same point: projected once.
        self._path = Relaxation.one_path(self.projection(), self.device)
