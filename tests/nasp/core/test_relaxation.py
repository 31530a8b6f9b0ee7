"""The one-path gradient is full autograd's, on decisions of all three spaces."""

import pytest
import torch

from nasp.core.architecture import Architecture
from nasp.core.relaxation import Relaxation
from tests.nasp.toys import TOYS


@pytest.mark.parametrize("kind", TOYS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
@pytest.mark.parametrize("seed", range(5))
def test_one_path_gradient_equals_full_autograd(
    kind: str, dtype: torch.dtype, tolerance: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    space = TOYS[kind](generator).to(dtype)
    batch = next(space.batches(generator))
    projection = Architecture(space.decisions, generator).to(dtype).projection()
    probed = Relaxation.one_path(projection).probed()
    full = Relaxation.dense(projection).probed()
    losses, gradients = [], []
    for relaxation in (probed, full):
        loss = space(batch, relaxation)
        inputs = [*relaxation.weights.values(), *space.parameters()]
        losses.append(loss)
        gradients.append(torch.autograd.grad(loss, inputs, materialize_grads=True))
    assert torch.allclose(*losses, rtol=tolerance, atol=tolerance)
    for ours, exact in zip(*gradients, strict=True):
        assert (ours - exact).norm() <= tolerance * exact.norm().clamp(min=1e-3)


def test_only_the_path_runs_forward_and_the_rest_once_backward() -> None:
    calls: list[tuple[int, int, bool]] = []
    x = torch.ones(3, requires_grad=True)

    def run(edge: int, operation: int) -> torch.Tensor:
        calls.append((edge, operation, torch.is_grad_enabled()))
        return (1 + operation + 10 * edge) * x

    projection = {"d": torch.tensor([[0.0, 1.0], [0.0, 0.0]])}
    value = Relaxation.one_path(projection).mix("d", run)
    assert calls == [(0, 1, True)]
    assert value.tolist() == [2.0, 2.0, 2.0]
    calls.clear()
    point = Relaxation.one_path(projection).probed()
    point.mix("d", run).sum().backward()
    assert calls[0] == (0, 1, True)
    assert sorted(calls[1:]) == [(0, 0, False), (1, 0, False), (1, 1, False)]
    gradient = point.weights["d"].grad
    assert gradient is not None
    assert gradient.tolist() == [[3.0, 6.0], [33.0, 36.0]]


def test_an_architecture_step_takes_no_gradient_of_weights() -> None:
    generator = torch.Generator().manual_seed(0)
    space = TOYS["cnn"](generator)
    point = Relaxation.one_path(Architecture(space.decisions, generator).projection()).probed()
    loss = space(next(space.batches(generator)), point)
    torch.autograd.grad(loss, list(point.weights.values()), allow_unused=True)
    assert all(parameter.grad is None for parameter in space.parameters())
