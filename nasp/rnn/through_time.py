"""Gradients that are sums over the time steps, each found once, in one large operation.

Autograd finds a part of the sum at every step and adds it, which for a weight matrix means to
write and read as many numbers as the matrix has at each step, and products of few rows. Here a
backward pass only takes notes at the steps; when all that used the tensor has been differentiated,
the notes are stacked and the sum is found at once. Autograd itself tells that moment: the tensor
passes through an identity, whose turn comes after that of all its users.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Find = Callable[[], Tensor]
Notes = dict[int, tuple[Tensor, Tensor]]  # input and ∂L/∂output of each use, by its position


def deferred(tensor: Tensor, find: Find) -> Tensor:
    """The same tensor, whose gradient is what `find` returns after the steps' backward passes.

    Args:
        tensor: Used by time steps that return no gradient, or a part of it, and take notes.
        find: Called once in each backward pass, without autograd; what it returns is added to what
            the steps returned. It must hold no tensor that has a history, or that would never be
            freed.
    """
    return _Deferred.apply(tensor, find)  # type: ignore[no-any-return, no-untyped-call]


class SharedMap:
    """`x ↦ x W`, the same at all time steps of a sequence.

    Args:
        weight: `W`, `(inputs, outputs)`.
    """

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight
        self.uses = 0
        # By position: a pass that needs no ∂L/∂W leaves notes, which the next one writes over.
        self.notes: Notes = {}
        self.learns = torch.is_grad_enabled() and weight.requires_grad
        if self.learns:
            notes = self.notes
            self.weight = deferred(weight, lambda: _total(weight.detach(), notes))

    def __call__(self, x: Tensor) -> Tensor:
        """`x W`, for `x` of `(batch, inputs)`."""
        if not self.learns:
            return x @ self.weight
        self.uses += 1
        return _Product.apply(x, self.weight, self.notes, self.uses)  # type: ignore[no-any-return, no-untyped-call]


def _total(weight: Tensor, notes: Notes) -> Tensor:
    if not notes:
        return torch.zeros_like(weight)
    inputs, gradients = (torch.cat(parts) for parts in zip(*notes.values(), strict=True))
    notes.clear()
    return inputs.T @ gradients


def _refuse_second_derivatives() -> None:
    # Autograd runs a backward pass in this mode if asked to differentiate it again. Notes have no
    # history: without this, that derivative would lack terms.
    if torch.is_grad_enabled():
        raise RuntimeError("no second derivatives through time: take DARTS with hessian=finite")


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, notes: Notes, use: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.notes, ctx.use = notes, use
        return x @ weight

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None, None, None]:
        _refuse_second_derivatives()
        x, weight = ctx.saved_tensors
        ctx.notes[ctx.use] = (x.detach(), grad)
        return grad @ weight.T if ctx.needs_input_grad[0] else None, None, None, None


class _Deferred(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, find: Find) -> Tensor:
        ctx.find = find
        ctx.set_materialize_grads(False)
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None) -> tuple[Tensor, None]:
        _refuse_second_derivatives()
        found = ctx.find()
        return found if grad is None else found + grad, None
