"""The gradient of a matrix that is computed once for all time steps."""

import gc
import weakref

import pytest
import torch
from torch import Tensor

from nasp.rnn.through_time import SharedMap


def unrolled(weight: Tensor, x: Tensor, shared: bool) -> Tensor:
    product = SharedMap(weight) if shared else lambda s: s @ weight
    state, total = x, x.new_zeros(())
    for step in range(4):
        state = product(state).tanh() + 0.1 * product(state * 0.5)
        if step != 2:
            total = total + state.square().sum()
    return total


def test_gradients_are_those_of_autograd() -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(5, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    x = torch.randn(3, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    ours = torch.autograd.grad(unrolled(weight, x, True), [weight, x])
    plain = torch.autograd.grad(unrolled(weight, x, False), [weight, x])
    torch.testing.assert_close(ours, plain, rtol=1e-12, atol=1e-12)


def test_a_pass_without_the_weights_leaves_nothing_behind() -> None:
    weight = torch.eye(3, dtype=torch.float64, requires_grad=True)
    x = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    loss = unrolled(weight, x, True)
    torch.autograd.grad(loss, x, retain_graph=True)
    (ours,) = torch.autograd.grad(loss, weight)
    (plain,) = torch.autograd.grad(unrolled(weight, x, False), weight)
    torch.testing.assert_close(ours, plain)


def test_a_second_backward_pass_finds_the_same() -> None:
    weight = torch.eye(3, dtype=torch.float64, requires_grad=True)
    loss = unrolled(weight, torch.ones(2, 3, dtype=torch.float64), True)
    (first,) = torch.autograd.grad(loss, weight, retain_graph=True)
    (second,) = torch.autograd.grad(loss, weight)
    assert torch.equal(first, second)
    assert first.abs().max() > 0


def test_a_frozen_map_passes_gradients_on_and_has_none() -> None:
    weight = torch.full((3, 3), 0.5)
    x = torch.ones(2, 3, requires_grad=True)
    SharedMap(weight)(x).sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, torch.full((2, 3), 1.5))


def test_an_unused_map_has_gradient_zero() -> None:
    weight = torch.ones(2, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(SharedMap(weight).weight.sum() * 0, weight)
    assert torch.equal(gradient, torch.zeros(2, 2))


def test_second_derivatives_are_refused_and_not_wrong() -> None:
    weight = torch.eye(3, requires_grad=True)
    loss = unrolled(weight, torch.ones(2, 3), True)
    with pytest.raises(RuntimeError, match="no second derivatives"):
        torch.autograd.grad(loss, weight, create_graph=True)


@pytest.mark.parametrize("backward", [False, True])
def test_a_graph_is_freed_without_the_garbage_collector(backward: bool) -> None:
    weight = torch.eye(3, requires_grad=True)
    gc.disable()
    try:
        shared = SharedMap(weight)
        x = torch.ones(2, 3)
        output, watched = shared(x).tanh(), weakref.ref(x)
        del x
        assert watched() is not None  # the graph needs it
        if backward:
            output.sum().backward()
        del output, shared
        assert watched() is None
    finally:
        gc.enable()
