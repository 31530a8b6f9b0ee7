"""`Strategy`, the contract of strategies that search on shared weights."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Protocol

import torch
from torch import Tensor

from nasp.core.genotype import Choices, Genotype, choices_of
from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from nasp.registry import NoOptions
from nasp.training.optimization import WeightStep


class Loss(Protocol):
    """The loss of one batch under a relaxation, a scalar.

    `weights` replaces parameters of the space by name, for second-order strategies.
    """

    def __call__(
        self, relaxation: Relaxation, weights: Mapping[str, Tensor] | None = None
    ) -> Tensor: ...


class Strategy(ABC):
    """Makes the relaxation for the steps of the weights, and trains the architecture.

    Args:
        space: The search space.
        generator: Source of the strategy's random numbers.
        options: An instance of `Options`.
        weight_step: The next step of the weights, for second-order strategies.

    Attributes:
        Options: A dataclass of the strategy's own options, with defaults.
        dense: Whether all edges of a node run, not only those that the constraint keeps. Then an
            operation that means "no connection" is a candidate, too.
        answer: The epoch whose architecture a search returns by default: the best by validation of
            the discrete network, or the last.
    """

    Options: ClassVar[type[Any]] = NoOptions
    dense: ClassVar[bool] = False
    answer: ClassVar[Literal["best", "last"]] = "best"

    def __init__(
        self,
        space: SearchSpace,
        generator: torch.Generator,
        options: Any,
        weight_step: WeightStep | None = None,
    ) -> None:
        self.device = next(space.parameters()).device
        self.space, self.generator = space, generator
        self.options, self.weight_step = options, weight_step
        self.prepare()

    def prepare(self) -> None:  # noqa: B027 (optional)
        """Set up the architecture. Space, generator and options are set before."""

    def begin_epoch(self, position: int, epochs: int) -> None:  # noqa: B027 (optional)
        """Prepare for an epoch, for example anneal a temperature.

        Args:
            position: Position of the epoch, from 0. In a warm-up only the weights are trained.
            epochs: Number of epochs of the search.
        """

    @classmethod
    def follows_epochs(cls, options: Any) -> bool:
        """Whether a step depends on the epoch and on the number of epochs; see `begin_epoch`.

        Args:
            options: An instance of `Options`.
        """
        return cls.begin_epoch is not Strategy.begin_epoch

    @abstractmethod
    def weight_relaxation(self) -> Relaxation:
        """Return the relaxation for a step of the weights."""

    def weight_penalty(self) -> Tensor | None:
        """Return a scalar that is added to the loss of the weights, or None."""
        return None

    @abstractmethod
    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        """Take one step of the architecture.

        Args:
            train_loss: The loss of the training batch of the next step of the weights.
            valid_loss: The loss of a validation batch.

        Returns:
            The validation loss before the step, a detached scalar.
        """

    @abstractmethod
    def scores(self) -> Mapping[str, Tensor]:
        """Return the current scores of the candidates of each decision, `(edges, operations)`."""

    @abstractmethod
    def projection(self) -> dict[str, Tensor]:
        """Return the current discrete architecture: one-hot rows for each decision, on the host."""

    def search_relaxation(self) -> Relaxation | None:
        """Return the relaxation that the weights are trained under; None if it is the projection.

        A search evaluates both, and their difference is the discretisation gap.
        """
        return None

    def genotype(self) -> Genotype:
        """Return the genotype of the projection."""
        return self.space.genotype(choices_of(self.space.decisions, self.projection()))

    @abstractmethod
    def start_from(self, choices: Choices, margin: float = 0.01) -> None:
        """Start from an architecture, whose scores exceed all others by `margin`."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return the strategy's state, without the space and the generator."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state that `state_dict` returned."""
