"""A tensor's gradient computed once, after the backward passes of all uses of the tensor.

Autograd computes and adds one part of the gradient for each use of a tensor, for example for each
time step of a recurrent cell's weight. Here the backward pass of a use only stores the factors of
its part, and the sum of all parts is computed at once, in fewer and larger operations. The tensor
passes through an identity, whose backward pass runs after those of all uses.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Find = Callable[[], Tensor]


def deferred(tensor: Tensor, find: Find) -> Tensor:
    """Return the same tensor, whose gradient `find` computes after the backward passes of its uses.

    Stored factors stay until `find` is called. So a backward pass without this gradient must be of
    the same loss as the next backward pass with it.

    Args:
        tensor: The tensor with many uses. The backward pass of a use returns no gradient for it, or
            only a part of it, and stores what `find` needs.
        find: Called once in each backward pass, without autograd. Its result, in the tensor's
            shape, is added to the gradients that the uses returned. It must not refer to a tensor
            with a history: the graph would then refer to itself and never be freed.
    """
    return _Deferred.apply(tensor, find)  # type: ignore[no-any-return, no-untyped-call]


def refuse_second_derivatives() -> None:
    """Raise an error if the current backward pass, which records no history, is differentiated.

    Raises:
        RuntimeError: The backward pass was called with `create_graph=True`.
    """
    if torch.is_grad_enabled():  # autograd enables it in a backward pass that is recorded
        raise RuntimeError(
            "no second derivatives of a one-path network, or through time: take DARTS with "
            "hessian=finite"
        )


class _Deferred(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, find: Find) -> Tensor:
        ctx.find = find
        ctx.set_materialize_grads(False)
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None) -> tuple[Tensor, None]:
        refuse_second_derivatives()
        found = ctx.find()
        return found if grad is None else found + grad, None
