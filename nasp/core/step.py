"""One optimiser step."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def descend(
    loss: Tensor,
    parameters: Sequence[nn.Parameter],
    optimizer: torch.optim.Optimizer,
    gradient_clip: float | None = None,
) -> None:
    """Step on `parameters` alone: no gradient of anything else is computed.

    Args:
        loss: A scalar that depends on some of them; the others are left as they are.
        parameters: What `optimizer` steps on.
        optimizer: Takes the step.
        gradient_clip: Largest norm of the whole gradient; None does not clip.
    """
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    if gradient_clip is not None:
        nn.utils.clip_grad_norm_(parameters, gradient_clip)
    optimizer.step()
