"""Optimiser steps, and the mean loss of an epoch."""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from nasp.training.parallel import mean_over_processes

BLOCK = 1024  # number of losses that are stacked at once
Optimizer = TypeVar("Optimizer", bound=torch.optim.Optimizer)


def _without_compiler(optimizer: type[Optimizer]) -> type[Optimizer]:
    """Return a subclass that does not import torch's compiler, which takes seconds per process.

    torch wraps these methods for compiled code; `__wrapped__` holds the original functions.
    """
    names = ("add_param_group", "load_state_dict", "state_dict", "step", "zero_grad")
    methods = {name: inspect.unwrap(getattr(optimizer, name)) for name in names}
    methods["step"] = torch.no_grad()(methods["step"])
    return type(optimizer.__name__, (optimizer,), methods)


Adam = _without_compiler(torch.optim.Adam)
SGD = _without_compiler(torch.optim.SGD)
Adagrad = _without_compiler(torch.optim.Adagrad)


def differentiate(loss: Tensor, inputs: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
    """Return gradients of the mean loss of all processes; None for inputs it does not depend on.

    Args:
        loss: The mean over this process's share of a batch, a scalar.
        inputs: The tensors to differentiate with respect to.
    """
    gradients = torch.autograd.grad(loss, inputs, allow_unused=True)
    mean_over_processes(gradients)
    return gradients


def descend(
    loss: Tensor,
    parameters: Sequence[nn.Parameter],
    optimizer: torch.optim.Optimizer,
    gradient_clip: float | None = None,
) -> None:
    """Take an optimiser step on `parameters`, and compute no other gradients.

    Args:
        loss: The mean over this process's share of a batch, a scalar. Parameters that it does not
            depend on are not changed.
        parameters: The parameters of `optimizer`.
        optimizer: Takes the step.
        gradient_clip: Largest norm of the whole gradient; None does not clip.
    """
    gradients = differentiate(loss, parameters)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    if gradient_clip is not None:
        present = [gradient for gradient in gradients if gradient is not None]
        scale = clipping(present, gradient_clip)
        for gradient in present:
            gradient.mul_(scale)
    optimizer.step()


@torch.no_grad()
def clipping(gradients: Sequence[Tensor], largest: float) -> Tensor:
    """Return the factor that clips the norm of the whole gradient to `largest`, a scalar <= 1."""
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))
    scale: Tensor = largest / norm
    return scale.clamp_(max=1.0)


@dataclass(frozen=True)
class WeightStep:
    """The next step of `descend`, as a function of the gradient.

    With the current learning rate ξ, clipping factor c, weight decay λ, momentum μ and momentum
    buffer m, SGD takes w to `w − ξ (c ∇L + λ w + μ m)`. For any other optimiser only its learning
    rate and weight decay are used.

    Attributes:
        optimizer: The optimiser of the weights.
        gradient_clip: Largest norm of the whole gradient; None does not clip.
    """

    optimizer: torch.optim.Optimizer
    gradient_clip: float | None = None

    def scale(self, gradients: Sequence[Tensor]) -> Tensor:
        """Return the clipping factor, a scalar; it is not differentiated, as in DARTS."""
        if self.gradient_clip is None:
            return torch.ones((), device=gradients[0].device)
        return clipping(gradients, self.gradient_clip)

    def rates(self, parameters: Sequence[nn.Parameter]) -> list[float]:
        """Return the learning rate of each parameter."""
        return [group["lr"] for group in self._groups(parameters)]

    def ahead(
        self, parameters: Sequence[nn.Parameter], weights: Sequence[Tensor], steps: Sequence[Tensor]
    ) -> list[Tensor]:
        """Return the weights after the step.

        Args:
            parameters: The optimiser's parameters.
            weights: The values of the parameters.
            steps: The clipped gradients.
        """
        found = []
        groups = self._groups(parameters)
        for parameter, weight, step, group in zip(parameters, weights, steps, groups, strict=True):
            if decay := group.get("weight_decay", 0.0):
                step = step + decay * weight
            buffer = self.optimizer.state.get(parameter, {}).get("momentum_buffer")
            if buffer is not None:
                step = step + group["momentum"] * buffer
            found.append(weight - group["lr"] * step)
        return found

    def _groups(self, parameters: Sequence[nn.Parameter]) -> list[dict[str, Any]]:
        groups = {id(p): group for group in self.optimizer.param_groups for p in group["params"]}
        return [groups[id(parameter)] for parameter in parameters]


@contextmanager
def frozen(parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """Exclude parameters from autograd within a `with` block, to save time and memory."""
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


class Losses:
    """Losses of batches, kept on their device so that no step waits for it.

    Losses are stacked in blocks, because single scalars would fragment the memory between the large
    temporary tensors of the steps: 0.4 MB for each step with batches of 8192.
    """

    def __init__(self) -> None:
        self.blocks: list[Tensor] = []
        self.latest: list[Tensor] = []
        self.counts: list[int] = []

    def append(self, loss: Tensor, count: int) -> None:
        """Add the loss of a step.

        Args:
            loss: The mean over a batch, a scalar.
            count: Number of examples in the batch.
        """
        self.counts.append(count)
        self.latest.append(loss.detach())
        if len(self.latest) == BLOCK:
            self.blocks.append(torch.stack(self.latest))
            self.latest = []

    def mean(self) -> float:
        """Return the mean over the examples of all processes; NaN if there are none."""
        rest = [torch.stack(self.latest)] if self.latest else []
        if not self.counts:
            return float("nan")
        losses = torch.cat([*self.blocks, *rest])
        counts = torch.tensor(self.counts, dtype=torch.float64)
        mean = torch.dot(losses, (counts / counts.sum()).to(losses))
        mean_over_processes([mean])  # every process has the same number of examples
        return float(mean)
