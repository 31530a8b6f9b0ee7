"""The second order of DARTS is the derivative of the loss after one weight step."""

from functools import partial

import pytest
import torch
from torch import Tensor

from nasp.core.relaxation import Relaxation
from nasp.search.one_shot import loss_of
from nasp.strategies import darts
from nasp.strategies.darts import FINITE_STEP, SecondOrderDARTS, SecondOrderOptions
from nasp.training.optimization import WeightStep, descend
from tests.nasp.toys import TOYS

# The steps of the weights for images, for text and for interactions.
STEPS: dict[str, dict] = {
    "cnn": {"sgd": {"lr": 0.025, "momentum": 0.9, "weight_decay": 3e-2}, "clip": None},
    "rnn": {"sgd": {"lr": 20.0, "weight_decay": 5e-3}, "clip": 0.01},
    "cf": {"sgd": {"lr": 0.1}, "clip": None},
}


def made(
    kind: str, stepped: bool = False
) -> tuple[SecondOrderDARTS, list, torch.optim.Optimizer, float | None]:
    """Make a search in float64, before or after a step of the weights."""
    generator = torch.Generator().manual_seed(0)
    space = TOYS[kind](generator).double()
    optimizer = torch.optim.SGD(space.weights(), **STEPS[kind]["sgd"])
    clip = STEPS[kind]["clip"]
    step = WeightStep(optimizer, clip)
    strategy = SecondOrderDARTS(space, generator, SecondOrderOptions(), step)
    strategy.architecture.double()
    batches = space.batches(generator)
    if stepped:
        loss = loss_of(space.loss, space, next(batches), strategy.weight_relaxation())
        descend(loss, space.weights(), optimizer, clip)
    losses = [partial(loss_of, space.loss, space, next(batches)) for _ in range(2)]
    return strategy, losses, optimizer, clip


@pytest.mark.parametrize("kind", TOYS)
@pytest.mark.parametrize(("step", "tolerance"), [(FINITE_STEP, 5e-2), (1e-5, 1e-5)])
def test_exact_and_finite_hessian_products_agree(
    kind: str, step: float, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(darts, "FINITE_STEP", step)
    strategy, losses, _, _ = made(kind, stepped=True)
    strategy.space.eval()  # batch statistics would change between the two
    loss, exact = strategy._exactly(*losses)
    other, finite = strategy._by_difference(*losses)
    assert loss.item() == pytest.approx(other.item(), rel=1e-9)
    exact_all = torch.cat([g.flatten() for g in exact if g is not None])
    finite_all = torch.cat([g.flatten() for g in finite if g is not None])
    assert (exact_all - finite_all).norm() <= tolerance * exact_all.norm()


def by_hand(kind: str, w: Tensor, g: Tensor, buffer: Tensor | None, clip: Tensor) -> Tensor:
    """The unrolled step of DARTS's code: `clip` is 0.01 over the norm of the whole gradient."""
    if kind == "rnn":
        return w - 20.0 * (clip * g + 5e-3 * w)
    if kind == "cnn":
        moment = torch.zeros_like(w) if buffer is None else 0.9 * buffer
        return w - 0.0125 * (moment + g + 3e-2 * w)
    return w - 0.1 * g


@pytest.mark.parametrize("stepped", [False, True])
@pytest.mark.parametrize("kind", TOYS)
@pytest.mark.parametrize("hessian", ["exact", "finite"])
def test_the_unrolled_step_is_that_of_darts(kind: str, stepped: bool, hessian: str) -> None:
    """The current learning rate is used, which falls for images, here by half."""
    strategy, losses, optimizer, _ = made(kind, stepped)
    if kind == "cnn":
        optimizer.param_groups[0]["lr"] *= 0.5
    seen = []

    def valid_loss(relaxation: Relaxation, weights: dict[str, Tensor] | None = None) -> Tensor:
        seen.append(weights)
        return losses[1](relaxation, weights)  # type: ignore[no-any-return]

    find = strategy._exactly if hessian == "exact" else strategy._by_difference
    loss, _ = find(losses[0], valid_loss)
    [ahead] = seen
    weights = strategy._weights()
    on_train = losses[0](strategy._relaxation(), {**weights})
    step = torch.autograd.grad(on_train, list(weights.values()), materialize_grads=True)
    norm = torch.cat([g.flatten() for g in step]).norm()
    assert norm > 0.01  # the gradient is clipped for text
    for (name, w), g in zip(weights.items(), step, strict=True):
        buffer = optimizer.state[w].get("momentum_buffer")
        expected = by_hand(kind, w.detach(), g, buffer, 0.01 / norm)
        torch.testing.assert_close(ahead[name].detach(), expected, rtol=1e-12, atol=1e-14)
    assert float(loss.detach()) == float(losses[1](strategy._relaxation(), ahead).detach())


@pytest.mark.parametrize("kind", ["cnn", "rnn"])
def test_the_unrolled_step_is_the_one_that_the_weights_take(kind: str) -> None:
    strategy, losses, optimizer, clip = made(kind, stepped=True)
    weights = strategy._weights()
    gradients = torch.autograd.grad(
        losses[0](strategy._relaxation()), list(weights.values()), materialize_grads=True
    )
    ahead, _ = strategy._ahead({**weights}, gradients)
    descend(losses[0](strategy.weight_relaxation()), list(weights.values()), optimizer, clip)
    for name, weight in strategy._weights().items():
        torch.testing.assert_close(ahead[name].detach(), weight.detach(), rtol=1e-12, atol=1e-14)


def test_a_second_order_that_cannot_look_ahead_is_refused() -> None:
    generator = torch.Generator().manual_seed(0)
    with pytest.raises(ValueError, match="weight_step"):
        SecondOrderDARTS(TOYS["cf"](generator), generator, SecondOrderOptions())


def test_second_order_is_the_numerical_derivative() -> None:
    strategy, (train_loss, valid_loss), _, _ = made("cf")
    _, gradients = strategy._exactly(train_loss, valid_loss)
    (a,) = strategy.architecture.values().values()

    def unrolled() -> float:
        weights = strategy._weights()
        relaxation = Relaxation.dense({"interaction": a.detach().softmax(-1)})
        step = torch.autograd.grad(
            train_loss(relaxation, weights), list(weights.values()), materialize_grads=True
        )
        ahead = {n: w - 0.1 * g for (n, w), g in zip(weights.items(), step, strict=True)}
        return float(valid_loss(relaxation, ahead).detach())

    for k in range(a.shape[1]):
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                a[0, k] += sign * 1e-5
            values.append(unrolled())
            with torch.no_grad():
                a[0, k] -= sign * 1e-5
        numerical = (values[0] - values[1]) / 2e-5
        assert gradients[0] is not None
        assert float(gradients[0][0, k]) == pytest.approx(numerical, rel=1e-5, abs=1e-9)


def test_second_order_differs_from_first() -> None:
    strategy, losses, _, _ = made("cf")
    _, second = strategy._exactly(*losses)
    first = torch.autograd.grad(losses[1](strategy._relaxation()), strategy.parameters[:1])
    assert second[0] is not None
    assert not torch.allclose(first[0], second[0])
