"""A gradient that is computed once, after the backward passes of all uses."""

import pytest
import torch
from torch import Tensor

from nasp.core.deferred import deferred


def test_what_uses_return_is_added() -> None:
    x = torch.ones(2, requires_grad=True)
    y = deferred(x, lambda: torch.full((2,), 10.0))
    (3 * y).sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, torch.full((2,), 13.0))


class Silent(torch.autograd.Function):
    """`2 · x`, whose backward pass returns no gradient for `weight` and records that it ran."""

    @staticmethod
    def forward(ctx: object, weight: Tensor, x: Tensor, done: list[str], name: str) -> Tensor:
        ctx.done, ctx.name = done, name  # type: ignore[attr-defined]
        return 2 * x

    @staticmethod
    def backward(ctx: object, *grads: Tensor) -> tuple[None, Tensor, None, None]:
        ctx.done.append(ctx.name)  # type: ignore[attr-defined]
        return None, 2 * grads[0], None, None


def test_it_is_found_once_after_all_uses() -> None:
    done: list[str] = []
    x = torch.ones(2, requires_grad=True)

    def find() -> Tensor:
        assert not torch.is_grad_enabled()
        done.append("found")
        return torch.full((2,), 10.0)

    shared = deferred(x, find)
    state = torch.ones(2, requires_grad=True)
    product = state
    for name in ("first", "second", "third"):
        product = Silent.apply(shared, product, done, name)  # type: ignore[no-untyped-call]
    for turn in (1, 2):
        found = torch.autograd.grad(product.sum(), [x, state], retain_graph=True)
        assert [g.tolist() for g in found] == [[10.0, 10.0], [8.0, 8.0]]
        assert done == ["third", "second", "first", "found"] * turn


def test_the_tensor_is_the_same() -> None:
    x = torch.arange(3.0, requires_grad=True)
    assert torch.equal(deferred(x, lambda: torch.zeros(3)), x)


def test_second_derivatives_are_refused_and_not_wrong() -> None:
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="no second derivatives"):
        torch.autograd.grad(deferred(x, lambda: x.detach()).sum(), x, create_graph=True)
