"""The one-path gradient is full autograd's, on decisions of all three spaces."""

import math

import pytest
import torch

from nasp.core.parameters import Architecture
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


PROJECTION = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])  # 7 are idle
VALUES = torch.tensor([[3.0, 5.0, 7.0], [11.0, 13.0, 17.0], [19.0, 23.0, 29.0]])


def sampled(
    fraction: float, generator: torch.Generator | None
) -> tuple[torch.Tensor, list[tuple[int, int]]]:
    """∂L/∂A of L = 2 · node, where candidate (e, k) is VALUES[e, k]; and what ran backward."""
    probed = []

    def run(edge: int, operation: int) -> torch.Tensor:
        if not torch.is_grad_enabled():
            probed.append((edge, operation))
        return VALUES[edge, operation].clone().requires_grad_()

    point = Relaxation.one_path({"d": PROJECTION}).probed(fraction, generator)
    (2.0 * point.mix("d", run)).backward()
    gradient = point.weights["d"].grad
    assert gradient is not None
    return gradient, probed


@pytest.mark.parametrize(("fraction", "count"), [(0.5, 4), (0.01, 1)])
def test_sampled_probes_have_the_exact_gradient_as_their_mean(fraction: float, count: int) -> None:
    generator = torch.Generator().manual_seed(0)
    exact, active, draws = 2.0 * VALUES, PROJECTION.bool(), 400
    total = torch.zeros(3, 3)
    for _ in range(draws):
        gradient, probed = sampled(fraction, generator)
        assert torch.equal(gradient[active], exact[active])
        idle = gradient[~active]
        assert len(probed) == len(set(probed)) == int(idle.count_nonzero()) == count
        ratios = (idle / exact[~active]).unique()
        torch.testing.assert_close(ratios, torch.tensor([0.0, 7 / count]))
        total += gradient
    # An idle one is 7/count times the exact with probability count/7: a Bernoulli's deviation.
    deviation = math.sqrt((7 / count - 1) / draws)
    assert ((total / draws / exact - 1).abs() <= 4 * deviation).all()


def test_all_probes_are_the_exact_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    gradient, probed = sampled(1.0, generator)
    assert torch.equal(gradient, 2.0 * VALUES)
    assert len(probed) == 7
    # Nothing was drawn: the generator is where it was.
    assert torch.equal(generator.get_state(), torch.Generator().manual_seed(0).get_state())


def test_probes_are_drawn_by_the_seed_alone() -> None:
    def drawn(seed: int) -> list[list[tuple[int, int]]]:
        generator = torch.Generator().manual_seed(seed)
        return [sampled(0.5, generator)[1] for _ in range(5)]

    before = torch.get_rng_state()
    assert drawn(1) == drawn(1) != drawn(2)
    assert len({tuple(probed) for probed in drawn(1)}) > 1
    assert torch.equal(before, torch.get_rng_state())


def test_a_decision_without_idle_candidates_has_nothing_to_draw() -> None:
    point = Relaxation.one_path({"d": torch.ones(1, 1)}).probed(0.5, torch.Generator())
    value = point.mix("d", lambda edge, operation: torch.tensor(3.0, requires_grad=True))
    assert torch.autograd.grad(value, point.weights["d"])[0].tolist() == [[3.0]]
