"""A gradient that is found once, when every use of a tensor has been differentiated.

A tensor that is used many times, such as a weight of a recurrent cell at each time step, gets its
gradient from autograd in as many parts, each found and added on its own. Here the backward pass of
a use only keeps what its part is made of, and the sum of all parts is found at once, in fewer and
larger operations. Autograd itself tells that moment: the tensor passes through an identity, whose
backward pass runs after that of all its users.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Find = Callable[[], Tensor]


def deferred(tensor: Tensor, find: Find) -> Tensor:
    """The same tensor, whose gradient is what `find` returns after the backward passes of its uses.

    What a use kept stays until `find` is called. So a backward pass that leaves this gradient out
    must be of the same loss as the next one that asks for it.

    Args:
        tensor: What is used many times. The backward pass of a use returns no gradient for it, or
            a part of it, and keeps what `find` needs.
        find: Called once in each backward pass, without autograd; its result, of the tensor's
            shape, is added to what the uses returned. It must hold no tensor that has a history, or
            the graph would hold itself and never be freed.
    """
    return _Deferred.apply(tensor, find)  # type: ignore[no-any-return, no-untyped-call]


def refuse_second_derivatives() -> None:
    """Called in a backward pass whose result has no history, so that its derivative is not wrong.

    Raises:
        RuntimeError: The backward pass is to be differentiated again (`create_graph=True`).
    """
    if torch.is_grad_enabled():  # autograd's mode of a backward pass that is recorded
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
