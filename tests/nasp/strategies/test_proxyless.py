"""ProxylessNAS: the gradient of binary gates, and steps that change two operations of an edge."""

import pytest
import torch

from nasp.core.relaxation import Relaxation
from tests.nasp.strategies.test_sampled import made_with_loss, recorded_steps
from tests.nasp.toys import TOYS


@pytest.mark.parametrize("kind", TOYS)
def test_the_gradient_of_proxyless_is_that_of_the_gates_of_two_operations(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By autograd through both drawn operations, with the gates' values 0 and 1."""
    made, loss = made_with_loss("proxyless", kind)
    steps = recorded_steps(made, monkeypatch)
    state = made.generator.get_state()
    value = made.architecture_step(loss, loss)
    made.generator.set_state(state)
    values, weights = made.architecture.values(), {}
    pairs = {
        name: torch.multinomial(a.softmax(-1).detach(), 2, generator=made.generator)
        for name, a in values.items()
    }
    for name, a in values.items():
        among = a.gather(1, pairs[name]).softmax(-1)
        place = torch.multinomial(among.detach(), 1, generator=made.generator)
        gate = torch.zeros_like(among).scatter(1, place, 1.0) - among.detach() + among
        weights[name] = torch.zeros_like(a).scatter(1, pairs[name], gate)
    expected = loss(Relaxation.dense(weights))
    torch.testing.assert_close(value, expected.detach())
    found = torch.autograd.grad(expected, list(values.values()))
    for own, autograd in zip(steps[0], found, strict=True):
        torch.testing.assert_close(own, autograd, atol=1e-6, rtol=1e-4)
        assert (own != 0).any()


@pytest.mark.parametrize("kind", TOYS)
def test_a_step_of_proxyless_changes_the_probabilities_of_two_operations(kind: str) -> None:
    options = {"name": "proxyless", "betas": (0.5, 0.9), "weight_decay": 1e-3}
    made, loss = made_with_loss({**options, "learning_rate": 0.1}, kind)
    most = 0
    for _ in range(3):
        before = {n: a.detach().softmax(-1) for n, a in made.architecture.values().items()}
        made.architecture_step(loss, loss)
        for name, a in made.architecture.values().items():
            moved = (a.detach().softmax(-1) - before[name]).abs() > 1e-6
            assert (moved.sum(1) <= 2).all()
            most = max(most, int(moved.sum(1).max()))
    assert most == 2


@pytest.mark.parametrize("kind", TOYS)
def test_one_operation_of_each_edge_runs_in_proxyless(kind: str) -> None:
    made, _ = made_with_loss("proxyless", kind)
    paths = [made.weight_relaxation() for _ in range(20)]
    for d in made.space.decisions:
        assert all([e for e, _ in p.active[d.name]] == list(range(d.shape[0])) for p in paths)
        assert len({p.active[d.name] for p in paths}) > 1
