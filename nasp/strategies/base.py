"""The contract of a one-shot strategy: how it relaxes, and how it moves, the architecture."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import torch
from torch import Tensor

from nasp.core.genotype import Choices, Genotype, choices_of, projection_of
from nasp.core.parameters import Architecture
from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from nasp.training.optimization import WeightStep


class Loss(Protocol):
    """The loss of one batch under a relaxation, a scalar.

    `weights` replaces parameters of the space by name, for a step that looks ahead.
    """

    def __call__(
        self, relaxation: Relaxation, weights: Mapping[str, Tensor] | None = None
    ) -> Tensor: ...


@dataclass(frozen=True)
class StrategyOptions:
    """How the architecture is trained.

    Attributes:
        learning_rate: Adam's step size ε for the architecture.
        betas: Adam's decay rates of its moving averages.
        weight_decay: L2 penalty on `A` and the continuous architecture.
        start: Mean and standard deviation of the start values of `A`; the strategy's own if None.
        eta: Weight η of the complexity regulariser (NASP).
        probe_fraction: Share of the candidates that do not run which one step of NASP evaluates,
            drawn anew at each step; below 1 the gradient is a sample, without bias.
        weight_step: The step that the weights take next, for a strategy that looks ahead (DARTS's
            second order).
        hessian: How DARTS's second order gets its Hessian-vector product: `exact` by autograd, or
            the paper's `finite` difference (eq. 8), which needs far less memory.
    """

    learning_rate: float = 3e-4
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    start: tuple[float, float] | None = None
    eta: float = 0.0
    probe_fraction: float = 1.0
    weight_step: WeightStep | None = None
    hessian: Literal["exact", "finite"] = "exact"


class Strategy(ABC):
    """Trains `A` and the space's continuous architecture with one Adam optimiser.

    Args:
        space: What is searched.
        generator: Source of the start values of `A`.
        options: How the architecture is trained.

    Attributes:
        start: Mean and standard deviation of the start values of `A`; equal ones are told apart at
            random.
        dense: Whether all candidates of a node run together and share its weight, so that an
            operation that means absence has one, too.
    """

    start: ClassVar[tuple[float, float]] = (0.5, 0.0)
    dense: ClassVar[bool] = False

    def __init__(
        self, space: SearchSpace, generator: torch.Generator, options: StrategyOptions
    ) -> None:
        self.device = next(space.parameters()).device
        self.space = space
        self.options = options
        start = options.start or self.start
        self.architecture = Architecture(space.decisions, generator, *start).to(self.device)
        self.parameters = [*self.architecture.values().values(), *space.architecture()]
        self.weights = space.weights()
        self.optimizer = torch.optim.Adam(
            self.parameters,
            lr=options.learning_rate,
            betas=options.betas,
            weight_decay=options.weight_decay,
            fused=True,
        )

    @abstractmethod
    def weight_relaxation(self) -> Relaxation:
        """The relaxation under which the weights take their step."""

    @abstractmethod
    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        """Move the architecture once.

        Args:
            train_loss: Loss of the training batch that the weights will step on next.
            valid_loss: Loss of a validation batch.

        Returns:
            The validation loss before the step, a detached scalar.
        """

    def projection(self) -> dict[str, Tensor]:
        """The discrete architecture of this moment: one-hot rows for each decision, on the host."""
        return self.architecture.projection()

    def genotype(self) -> Genotype:
        """What the projection keeps; nothing else decides."""
        return self.space.genotype(choices_of(self.space.decisions, self.projection()))

    @torch.no_grad()
    def begin_at(self, choices: Choices, margin: float = 0.01) -> None:
        """Start from an architecture: raise its weights by `margin` over the others."""
        for name, a in projection_of(self.space.decisions, choices).items():
            self.architecture.weights[name] += margin * a.to(self.architecture.weights[name])

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on, beside the space."""
        return {
            "architecture": self.architecture.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.architecture.load_state_dict(state["architecture"])
        self.optimizer.load_state_dict(state["optimizer"])

    def _descend(self, gradients: tuple[Tensor | None, ...]) -> None:
        """One Adam step along gradients in the order of `parameters`."""
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        self.optimizer.step()
