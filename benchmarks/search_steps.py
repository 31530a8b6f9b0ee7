"""Single steps of a search on shared weights, and rivals' versions of these steps."""

from functools import partial
from typing import Any

import torch
from timing import seconds
from torch import Tensor, nn

from nasp.core.relaxation import Relaxation
from nasp.registry import class_and_options
from nasp.search import Task
from nasp.search.one_shot import loss_of
from nasp.strategies import Loss, Strategy
from nasp.strategies.darts import DARTS
from nasp.strategies.nasp import NASP
from nasp.training.optimization import WeightStep, descend, frozen


class Steps:
    """A search, step by step.

    Args:
        task: The task.
        strategy: Replaces the strategy that the task's options choose, and gets its options.
        seed: Of the initial weights and of the strategy.
    """

    def __init__(self, task: Task, strategy: type[Strategy] | None = None, seed: int = 1) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        chosen, options = class_and_options(task.options, "strategy")
        kind = strategy or chosen
        self.task = task
        self.space = task.space(self.generator, kind.dense).to(task.device)
        self.parameters = self.space.weights()
        self.optimizer = task.optimizer(self.parameters)
        # A separate generator, so that all strategies of one kind start from the same A.
        random = torch.Generator().manual_seed(seed)
        weight_step = WeightStep(self.optimizer, task.gradient_clip)
        self.strategy: Strategy = kind(self.space, random, options, weight_step)

    def loss(self, batch: Any) -> Loss:
        """Return the loss of a batch as a function of the relaxation."""
        return partial(loss_of, self.task.loss, self.space, batch)

    def architecture(self, train: Any, valid: Any) -> None:
        """Take a step of the architecture."""
        self.strategy.architecture_step(self.loss(train), self.loss(valid))

    def weights(self, train: Any) -> None:
        """Take a step of the weights."""
        loss = self.loss(train)(self.strategy.weight_relaxation())
        descend(loss, self.parameters, self.optimizer, self.task.gradient_clip)
        self.space.constrain()

    def iteration(self, train: Any, valid: Any) -> tuple[float, float, float]:
        """Take both steps, and return the seconds of architecture step, weight step and both."""
        first = seconds(lambda: self.architecture(train, valid))
        second = seconds(lambda: self.weights(train))
        return first, second, first + second


class FullNASP(NASP):
    """NASP with all candidates under autograd, inactive ones with weight 0; gradients only of A."""

    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        with frozen(self.weights):
            return self._step(valid_loss, [])

    def _step(self, valid_loss: Loss, also: list[nn.Parameter]) -> Tensor:
        """Take a step of A; gradients of the parameters `also` are computed, too."""
        point = Relaxation.dense(self.projection()).probed()
        inputs = list(point.weights.values())
        loss = valid_loss(point)
        gradients = torch.autograd.grad(loss, [*inputs, *also], allow_unused=True)
        self.descend(gradients[: len(inputs)])
        self.architecture.clip()
        self._keep(self.architecture.projection())
        return loss.detach()


class PublishedNASP(FullNASP):
    """The same, with gradients of the weights, which are discarded."""

    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        return self._step(valid_loss, self.weights)


class PublishedDARTS(DARTS):
    """DARTS of first order, with gradients of the weights, which are discarded."""

    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        loss = valid_loss(self._relaxation())
        gradients = torch.autograd.grad(loss, [*self.parameters, *self.weights], allow_unused=True)
        self.descend(gradients[: len(self.parameters)])
        return loss.detach()
