"""The contract of a one-shot strategy: how it relaxes, and how it moves, the architecture."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from nasp.core.genotype import Choices, Genotype, choices_of
from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from nasp.registry import NoOptions
from nasp.training.optimization import WeightStep


class Loss(Protocol):
    """The loss of one batch under a relaxation, a scalar.

    `weights` replaces parameters of the space by name, for a step that looks ahead.
    """

    def __call__(
        self, relaxation: Relaxation, weights: Mapping[str, Tensor] | None = None
    ) -> Tensor: ...


class Strategy(ABC):
    """Relaxes the architecture for the weights' steps, and moves it.

    Args:
        space: What is searched.
        generator: Source of all that the strategy draws.
        options: An instance of `Options`.
        weight_step: The step that the weights take next, for a strategy that looks ahead.

    Attributes:
        Options: A dataclass with defaults: the options that are the strategy's own.
        dense: Whether all candidates of a node run together and share its weight, so that an
            operation that means absence has one, too.
    """

    Options: ClassVar[type[Any]] = NoOptions
    dense: ClassVar[bool] = False

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
        """Set up the architecture, once space, generator and options are there."""

    def begin_epoch(self, position: int, epochs: int) -> None:  # noqa: B027 (optional)
        """Called before the steps of an epoch, to anneal a temperature for example.

        Args:
            position: Of the epoch, from 0; the first ones may be a warm-up of the weights alone.
            epochs: Number of epochs of the search.
        """

    @abstractmethod
    def weight_relaxation(self) -> Relaxation:
        """The relaxation under which the weights take their step."""

    def weight_penalty(self) -> Tensor | None:
        """What is added to the weights' loss, a scalar; None adds nothing."""
        return None

    @abstractmethod
    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        """Move the architecture once.

        Args:
            train_loss: Loss of the training batch that the weights will step on next.
            valid_loss: Loss of a validation batch.

        Returns:
            The validation loss before the step, a detached scalar.
        """

    @abstractmethod
    def scores(self) -> Mapping[str, Tensor]:
        """What each candidate is worth now, `(edges, operations)` for each decision: `A` here."""

    @abstractmethod
    def projection(self) -> dict[str, Tensor]:
        """The discrete architecture of this moment: one-hot rows for each decision, on the host."""

    def search_relaxation(self) -> Relaxation | None:
        """What the network is that the search trains; None where that is the projection itself.

        A search evaluates both: the difference is the discretisation gap.
        """
        return None

    def genotype(self) -> Genotype:
        """What the projection keeps; nothing else decides."""
        return self.space.genotype(choices_of(self.space.decisions, self.projection()))

    @abstractmethod
    def start_from(self, choices: Choices, margin: float = 0.01) -> None:
        """Start from an architecture: let it lead the others by `margin`."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on, beside the space and the generator."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
