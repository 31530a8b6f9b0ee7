"""A matrix product at all time steps of a sequence, whose weight gradient is one large product.

Autograd would compute and add a part of this gradient at every step. Each part is a product of few
rows, and adding it reads and writes the whole matrix. Here the steps only store their rows, and
`nasp.core.deferred` requests the sum after the backward passes of all steps.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nasp.core.deferred import deferred, refuse_second_derivatives

Notes = dict[int, tuple[Tensor, Tensor]]  # input and ∂L/∂output of each use, by its position


class SharedMap:
    """The map `x ↦ x W`, shared by all time steps of a sequence.

    Args:
        weight: `W`, `(inputs, outputs)`.
    """

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight
        self.uses = 0
        # By position: a pass without ∂L/∂W leaves its notes, and the next pass replaces them.
        self.notes: Notes = {}
        self.learns = torch.is_grad_enabled() and weight.requires_grad
        if self.learns:
            notes = self.notes
            self.weight = deferred(weight, lambda: _total(weight.detach(), notes))

    def __call__(self, x: Tensor) -> Tensor:
        """Return `x W` for `x` of `(batch, inputs)`."""
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


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, notes: Notes, use: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.notes, ctx.use = notes, use
        return x @ weight

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None, None, None]:
        refuse_second_derivatives()
        x, weight = ctx.saved_tensors
        ctx.notes[ctx.use] = (x.detach(), grad)
        return grad @ weight.T if ctx.needs_input_grad[0] else None, None, None, None


def scanned(step: Callable[[Tensor, Tensor], Tensor], inputs: Tensor, state: Tensor) -> Tensor:
    """Return the states after all steps as one operator, so that their number may vary.

    A loop in Python would fix the number of steps of an exported network.

    Args:
        step: Returns the next state, given an input and the state.
        inputs: The inputs, `(steps, ...)`.
        state: The state before the first step.
    """
    # Imported here, because it imports torch's compiler, which takes seconds.
    from torch._higher_order_ops.scan import scan

    def advance(state: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        after = step(x, state)
        return after, after.clone()  # the operator's outputs must not share memory

    states: Tensor = scan(advance, state, inputs, dim=0)[1]
    return states
