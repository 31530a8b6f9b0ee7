"""One optimiser step, and the losses of an epoch of them."""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from nasp.training.parallel import mean_over_processes

BLOCK = 1024  # losses that are stacked at a time
Optimizer = TypeVar("Optimizer", bound=torch.optim.Optimizer)


def _without_compiler(optimizer: type[Optimizer]) -> type[Optimizer]:
    """The same optimiser, which does not import torch's compiler: seconds, once a process.

    torch wraps these methods for code that is compiled; the functions themselves are in
    `__wrapped__`.
    """
    names = ("add_param_group", "load_state_dict", "state_dict", "step", "zero_grad")
    methods = {name: inspect.unwrap(getattr(optimizer, name)) for name in names}
    methods["step"] = torch.no_grad()(methods["step"])
    return type(optimizer.__name__, (optimizer,), methods)


Adam = _without_compiler(torch.optim.Adam)
SGD = _without_compiler(torch.optim.SGD)
Adagrad = _without_compiler(torch.optim.Adagrad)


def differentiate(loss: Tensor, inputs: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
    """Gradients of the mean loss of all processes; None where it does not depend on an input.

    Args:
        loss: This process's mean over its share of a batch, a scalar.
        inputs: What to differentiate by.
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
    """Step on `parameters` alone: no gradient of anything else is computed.

    Args:
        loss: The mean of this process's share of a batch, a scalar that depends on some of them;
            the others are left as they are.
        parameters: What `optimizer` steps on.
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
    """The factor, at most 1, that brings the norm of the whole gradient to `largest`; a scalar."""
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))
    scale: Tensor = largest / norm
    return scale.clamp_(max=1.0)


@dataclass(frozen=True)
class WeightStep:
    """The step of `descend` that comes next, as a function of the gradient.

    With the learning rate of the moment and clipping `c`, decay `λ` and momentum buffer `m`, SGD
    takes `w` to `w − ξ (c ∇L + λ w + μ m)`. Of another optimiser, which shapes its steps itself,
    the learning rate and the decay are taken.

    Attributes:
        optimizer: Of the weights.
        gradient_clip: Largest norm of the whole gradient; None does not clip.
    """

    optimizer: torch.optim.Optimizer
    gradient_clip: float | None = None

    def scale(self, gradients: Sequence[Tensor]) -> Tensor:
        """The factor of the clipping, a scalar, taken for a constant of the gradient (DARTS)."""
        if self.gradient_clip is None:
            return torch.ones((), device=gradients[0].device)
        return clipping(gradients, self.gradient_clip)

    def rates(self, parameters: Sequence[nn.Parameter]) -> list[float]:
        """The learning rate of each parameter."""
        return [group["lr"] for group in self._groups(parameters)]

    def ahead(
        self, parameters: Sequence[nn.Parameter], weights: Sequence[Tensor], steps: Sequence[Tensor]
    ) -> list[Tensor]:
        """The weights after the step.

        Args:
            parameters: As the optimiser knows the weights.
            weights: Their values.
            steps: Their gradients, clipped.
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
    """Keep parameters out of autograd: what only they need is neither recorded nor saved."""
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


class Losses:
    """Mean losses of batches, kept on their device, so that no step waits for it.

    A list of all of them would keep a few bytes of every step, from between the step's large
    temporaries: memory in pieces that the allocator cannot use again, 0.4 MB a step with batches
    of 8192.
    """

    def __init__(self) -> None:
        self.blocks: list[Tensor] = []
        self.latest: list[Tensor] = []
        self.counts: list[int] = []

    def append(self, loss: Tensor, count: int) -> None:
        """Add the loss of a step.

        Args:
            loss: The mean over a batch, a scalar.
            count: How many examples that is over.
        """
        self.counts.append(count)
        self.latest.append(loss.detach())
        if len(self.latest) == BLOCK:
            self.blocks.append(torch.stack(self.latest))
            self.latest = []

    def mean(self) -> float:
        """The mean over all examples, those of other processes included; NaN if there are none."""
        rest = [torch.stack(self.latest)] if self.latest else []
        if not self.counts:
            return float("nan")
        losses = torch.cat([*self.blocks, *rest])
        counts = torch.tensor(self.counts, dtype=torch.float64)
        mean = torch.dot(losses, (counts / counts.sum()).to(losses))
        mean_over_processes([mean])  # every process has as many examples
        return float(mean)
