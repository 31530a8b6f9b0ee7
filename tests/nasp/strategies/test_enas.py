"""ENAS: the reward, the step of the controller, the answer."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from nasp.core.relaxation import Relaxation
from nasp.errors import NaspError
from nasp.strategies.enas import ENAS, ENASOptions
from nasp.testing.strategies import make_strategy
from tests.nasp.toys import TOYS


def made(kind: str = "rnn", **options: Any) -> ENAS:
    strategy, _ = make_strategy({"name": "enas", **options}, TOYS[kind])
    assert isinstance(strategy, ENAS)
    return strategy


def test_the_reward_is_compared_with_its_moving_average() -> None:
    strategy = made(entropy_weight=0.1, baseline_decay=0.9)
    assert strategy.advantage(math.nan, 0.0) == 0.0
    first, second = 0.3 - 1.0, 0.2 - 0.5
    assert strategy.advantage(1.0, 3.0) == pytest.approx(0.0)
    assert strategy.baseline == pytest.approx(first)
    average = 0.9 * first + 0.1 * second
    assert strategy.advantage(0.5, 2.0) == pytest.approx(second - average)
    assert strategy.baseline == pytest.approx(average)
    # What is not finite counts as the largest loss so far, 1.
    assert strategy.advantage(math.inf, 0.0) == pytest.approx(0.9 * (-1.0 - average))


def test_a_step_is_along_reinforces_gradient() -> None:
    strategy = made(samples=2, learning_rate=0.01)
    strategy.baseline = 0.3
    before = {name: p.detach().clone() for name, p in strategy.controller.named_parameters()}
    state = strategy.generator.get_state()
    values = [0.4, 1.7]
    strategy.losses = lambda drawn, loss: torch.tensor(values)  # type: ignore[method-assign]
    value = strategy.architecture_step(lambda *_: torch.tensor(0.0), lambda *_: torch.tensor(0.0))
    torch.testing.assert_close(value, torch.tensor(1.05))
    other = made(samples=2)
    other.controller.load_state_dict(before, strict=False)
    other.generator.set_state(state)
    walks = [other.controller.draw(other.generator) for _ in range(2)]
    baseline, surrogate = 0.3, torch.zeros(())
    for walk, loss in zip(walks, values, strict=True):
        reward = -loss + 1e-4 * float(walk.entropy.detach())
        baseline = 0.99 * baseline + 0.01 * reward
        surrogate = surrogate - (reward - baseline) * walk.log_probability / 2
    parameters = list(other.controller.parameters())
    for parameter, gradient in zip(
        parameters, torch.autograd.grad(surrogate, parameters, allow_unused=True), strict=True
    ):
        parameter.grad = gradient
    torch.optim.Adam(parameters, lr=0.01).step()
    moved = dict(strategy.controller.named_parameters())
    for name, parameter in other.controller.named_parameters():
        torch.testing.assert_close(moved[name], parameter, atol=1e-4, rtol=0)
    assert sum(not torch.equal(p, before[n]) for n, p in moved.items()) >= 8


@pytest.mark.parametrize("kind", TOYS)
def test_it_learns_which_candidates_have_small_losses(kind: str) -> None:
    strategy = made(kind, learning_rate=0.02)
    strategy.continuous, strategy.optimizer = [], None

    def loss(path: Relaxation, weights: Any = None) -> Tensor:
        """The loss counts what is not one of the last operations."""
        assert not torch.is_grad_enabled()
        return torch.stack([a[:, :-3].sum() + a[:, 0].sum() for a in path.weights.values()]).sum()

    for _ in range(150):
        strategy.architecture_step(loss, loss)
    for d in strategy.decisions:
        assert all(k in d.operations[1:][-3:] for _, k in strategy.likeliest()[d.name])


def test_weights_and_controller_draw_anew_at_each_step() -> None:
    strategy = made("cnn")
    drawn = {str(strategy.weight_relaxation().active) for _ in range(20)}
    assert len(drawn) > 10


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("clip", 0.0),
        ("units", 0),
        ("samples", 10**6),
        ("entropy_weight", -1.0),
        ("baseline_decay", 1.0),
    ],
)
def test_options_are_checked(option: str, value: float) -> None:
    with pytest.raises(NaspError, match=rf"^{option} is "):
        ENASOptions(**{option: value})  # type: ignore[arg-type]
