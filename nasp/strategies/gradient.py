"""`GradientStrategy`, the base of strategies that train `A` by gradient steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from nasp.cli.option_checks import check_not_negative, check_positive, check_types
from nasp.core.genotype import Choices, projection_of
from nasp.core.parameters import Architecture
from nasp.errors import NaspError
from nasp.strategies.base import Strategy
from nasp.training.optimization import Adam


@dataclass(frozen=True)
class GradientOptions:
    """Options of the training of `A` and of the continuous architecture.

    Attributes:
        learning_rate: Adam's step size ε.
        betas: Decay rates of Adam's moving averages.
        weight_decay: L2 penalty on `A` and the continuous architecture.
        start: Mean and standard deviation of the initial values of `A`; null takes the strategy's
            own.
    """

    learning_rate: float = 3e-4
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    start: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        check_types(self)
        check_positive(self, "learning_rate")
        check_not_negative(self, "weight_decay")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise NaspError(f"betas is {self.betas}; both must be 0 or more and below 1")


class GradientStrategy(Strategy):
    """Trains `A` and the space's continuous architecture with one Adam optimiser.

    Attributes:
        start: Mean and standard deviation of the initial values of `A`. Ties are broken at random.
    """

    Options: ClassVar[type[GradientOptions]] = GradientOptions
    start: ClassVar[tuple[float, float]] = (0.5, 0.0)
    options: GradientOptions

    def prepare(self) -> None:
        options, space = self.options, self.space
        start = options.start or self.start
        self.architecture = Architecture(
            space.decisions, self.generator, *start, limits=space.limits
        ).to(self.device)
        self.parameters = [*self.architecture.values().values(), *space.architecture()]
        self.weights = space.weights()
        self.optimizer = Adam(
            self.parameters,
            lr=options.learning_rate,
            betas=options.betas,
            weight_decay=options.weight_decay,
            fused=True,
        )

    def scores(self) -> Mapping[str, Tensor]:
        return self.architecture.values()

    def projection(self) -> dict[str, Tensor]:
        return self.architecture.projection()

    @torch.no_grad()
    def start_from(self, choices: Choices, margin: float = 0.01) -> None:
        """Start from an architecture: raise its weights in `A` by `margin` above all others."""
        for name, a in projection_of(self.space.decisions, choices).items():
            self.architecture.weights[name] += margin * a.to(self.architecture.weights[name])

    def state_dict(self) -> dict[str, Any]:
        return {
            "architecture": self.architecture.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.architecture.load_state_dict(state["architecture"])
        self.optimizer.load_state_dict(state["optimizer"])

    def descend(self, gradients: tuple[Tensor | None, ...]) -> None:
        """Take an Adam step with gradients in the order of `parameters`."""
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        self.optimizer.step()
