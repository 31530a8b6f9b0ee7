"""One optimiser step."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from nasp.core.parallel import average


def differentiate(loss: Tensor, inputs: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
    """Gradients of the mean loss of all processes; None where it does not depend on an input.

    Args:
        loss: This process's mean over its share of a batch, a scalar.
        inputs: What to differentiate by.
    """
    gradients = torch.autograd.grad(loss, inputs, allow_unused=True)
    average(gradients)
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
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in present]))
        scale = (gradient_clip / norm).clamp_(max=1.0)
        for gradient in present:
            gradient.mul_(scale)
    optimizer.step()


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
