"""The second order of DARTS is the derivative of the loss after one weight step."""

from functools import partial

import pytest
import torch

from nasp.core.relaxation import Relaxation
from nasp.core.search import _loss
from nasp.strategies import darts
from nasp.strategies.base import StrategyOptions
from nasp.strategies.darts import DARTS, FINITE_STEP
from tests.nasp.toys import TOYS


def made(kind: str) -> tuple[DARTS, list]:
    generator = torch.Generator().manual_seed(0)
    space = TOYS[kind](generator).double()
    options = StrategyOptions(weight_learning_rate=0.1)
    strategy = DARTS(space, generator, options, order=2)
    strategy.architecture.double()
    batches = space.batches(generator)
    return strategy, [partial(_loss, space, next(batches)) for _ in range(2)]


@pytest.mark.parametrize("kind", TOYS)
@pytest.mark.parametrize(("step", "tolerance"), [(FINITE_STEP, 5e-2), (1e-5, 1e-5)])
def test_exact_and_finite_hessian_products_agree(
    kind: str, step: float, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(darts, "FINITE_STEP", step)
    strategy, losses = made(kind)
    strategy.space.eval()  # batch statistics would move between the two
    loss, exact = strategy._unrolled_exactly(*losses)
    other, finite = strategy._unrolled_by_difference(*losses)
    assert loss.item() == pytest.approx(other.item(), rel=1e-9)
    exact_all = torch.cat([g.flatten() for g in exact if g is not None])
    finite_all = torch.cat([g.flatten() for g in finite if g is not None])
    assert (exact_all - finite_all).norm() <= tolerance * exact_all.norm()


def test_second_order_is_the_numerical_derivative() -> None:
    strategy, (train_loss, valid_loss) = made("cf")
    _, gradients = strategy._unrolled_exactly(train_loss, valid_loss)
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
    strategy, losses = made("cf")
    _, second = strategy._unrolled_exactly(*losses)
    first = torch.autograd.grad(losses[1](strategy._relaxation()), strategy.parameters[:1])
    assert second[0] is not None
    assert not torch.allclose(first[0], second[0])
