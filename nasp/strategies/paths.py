"""`PathStrategy`, the base of strategies that only compare the losses of drawn paths."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from nasp.cli.option_checks import check_positive, check_types
from nasp.core.genotype import Choices, projection_of
from nasp.core.limit import within_limits
from nasp.core.relaxation import Relaxation
from nasp.strategies.base import Loss, Strategy
from nasp.training.optimization import Adam, differentiate, frozen
from nasp.training.parallel import mean_over_processes


@dataclass(frozen=True)
class PathOptions:
    """Options of the training of the continuous architecture, if the space has any.

    Attributes:
        continuous_rate: Adam's step size for the continuous architecture.
    """

    continuous_rate: float = 3e-4

    def __post_init__(self) -> None:
        check_types(self)
        check_positive(self, "continuous_rate")


class PathStrategy(Strategy):
    """Draws paths from a distribution, which is trained by their losses without a backward pass.

    The weights take each step under a new draw. The distribution and its random numbers are on the
    host. Only the continuous architecture, where a space has one, is trained by the gradient.

    Attributes:
        decisions: The decisions without operations that mean "no connection".
    """

    Options: ClassVar[type[PathOptions]] = PathOptions
    options: PathOptions

    def prepare(self) -> None:
        self.decisions = tuple(d.without_absent() for d in self.space.decisions)
        self.weights = self.space.weights()
        self.continuous = list(self.space.architecture())
        rate = self.options.continuous_rate
        self.optimizer = Adam(self.continuous, lr=rate, fused=True) if self.continuous else None

    @abstractmethod
    def draw(self) -> Choices:
        """Draw an architecture from the distribution."""

    @abstractmethod
    def likeliest(self) -> Choices:
        """Return the architecture that the distribution prefers."""

    @abstractmethod
    def probabilities(self) -> Mapping[str, Tensor]:
        """Return the probabilities of the candidates that may be kept, `(edges, operations)`."""

    def scores(self) -> Mapping[str, Tensor]:
        """Return the probabilities; those of operations that are never kept are zero."""
        found, own = {}, self.probabilities()
        for d, offered in zip(self.space.decisions, self.decisions, strict=True):
            found[d.name] = torch.zeros(d.shape)
            columns = [d.operations.index(name) for name in offered.operations]
            found[d.name][:, columns] = own[d.name]
        return found

    def weight_relaxation(self) -> Relaxation:
        return self.path(self.draw())

    def projection(self) -> dict[str, Tensor]:
        """Return `likeliest()`, or an architecture near to it that keeps the limits."""
        return self._within(self.likeliest())

    def path(self, choices: Choices) -> Relaxation:
        """Return the relaxation in which the chosen candidates run alone.

        If they exceed a limit, the most probable changes are made that keep it.
        """
        return Relaxation.one_path(self._within(choices), self.device)

    def _within(self, choices: Choices) -> dict[str, Tensor]:
        decisions, limits = self.space.decisions, self.space.limits
        projection = projection_of(decisions, choices)
        if not limits:
            return projection
        ranked = {name: scores.cpu().clone() for name, scores in self.scores().items()}
        for d in decisions:
            if d.absent is not None:
                ranked[d.name][:, d.operations.index(d.absent)] = -torch.inf
        return within_limits(limits, decisions, ranked, projection)

    def losses(self, drawn: Sequence[Choices], loss: Loss) -> Tensor:
        """Return the loss of one batch for each path, and train the continuous architecture.

        It takes one step along the gradient of the mean loss. The losses are of before the step.

        Args:
            drawn: The paths.
            loss: The loss of the batch.

        Returns:
            `(paths,)`, on the host.
        """
        if self.optimizer is None:
            with torch.no_grad():
                found = torch.stack([loss(self.path(choices)) for choices in drawn])
                mean_over_processes([found])
            return found.cpu()
        values = []
        sums: list[Tensor | None] = [None] * len(self.continuous)
        for choices in drawn:
            with frozen(self.weights):
                value = loss(self.path(choices))
            for i, gradient in enumerate(differentiate(value, self.continuous)):
                if gradient is not None:
                    share = gradient / len(drawn)
                    before = sums[i]
                    sums[i] = share if before is None else before + share
            values.append(value.detach())
        for parameter, total in zip(self.continuous, sums, strict=True):
            parameter.grad = total
        self.optimizer.step()
        found = torch.stack(values)
        mean_over_processes([found])
        return found.cpu()

    def state_dict(self) -> dict[str, Any]:
        return {"optimizer": None if self.optimizer is None else self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if self.optimizer is not None:
            self.optimizer.load_state_dict(state["optimizer"])
