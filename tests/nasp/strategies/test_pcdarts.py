"""PC-DARTS weighs edges and operations by a product of two softmaxes."""

from functools import partial

import pytest
import torch

from nasp.core.relaxation import Relaxation
from nasp.search.one_shot import loss_of
from nasp.strategies.pcdarts import PCDARTS
from nasp.testing import ToyCNN
from nasp.testing.strategies import make_strategy
from tests.nasp.toys import TOYS


def made(seed: int = 0, **options: float) -> PCDARTS:
    strategy, _ = make_strategy({"name": "pcdarts", **options}, ToyCNN, seed)
    assert isinstance(strategy, PCDARTS)
    return strategy


def test_weights_are_products_of_both_softmaxes() -> None:
    strategy = made()
    with torch.no_grad():
        strategy.architecture.weights["node0"].copy_(
            torch.tensor([[0.5, 0.3, 0.2], [0.7, 0.2, 0.1]]).log()
        )
        strategy.edges["node0"].copy_(torch.tensor([[0.8], [0.2]]).log())
    expected = torch.tensor([[0.40, 0.24, 0.16], [0.14, 0.04, 0.02]])
    torch.testing.assert_close(strategy.weight_relaxation().weights["node0"], expected)


def test_the_answer_prefers_edges_of_large_weight() -> None:
    strategy = made()
    with torch.no_grad():
        strategy.architecture.weights["node1"].copy_(
            torch.tensor([[0.0, 0.0, 1.0], [2.0, 0.0, 0.0], [0.0, 1.5, 0.0]])
        )
        strategy.edges["node1"].copy_(torch.tensor([[1.0], [-1.0], [0.0]]))
    expected = [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    assert strategy.projection()["node1"].tolist() == expected


@pytest.mark.parametrize("kind", TOYS)
def test_a_step_moves_a_and_edges_against_their_gradients(kind: str) -> None:
    """By Adam's first step, which has the size of the learning rate."""
    strategy, task = make_strategy({"name": "pcdarts", "learning_rate": 0.01}, TOYS[kind])
    assert isinstance(strategy, PCDARTS)
    batch = next(strategy.space.batches(torch.Generator().manual_seed(2)))  # type: ignore[operator]
    loss = partial(loss_of, task.loss, strategy.space, batch)
    names = [d.name for d in strategy.space.decisions]
    trained = [t[n] for t in (strategy.architecture.values(), dict(strategy.edges)) for n in names]
    weights = {n: strategy.edges[n].softmax(0) * strategy.scores()[n].softmax(-1) for n in names}
    gradients = torch.autograd.grad(loss(Relaxation.dense(weights)), trained)
    before = [t.detach().clone() for t in trained]
    strategy.architecture_step(loss, loss)
    several = 0
    for tensor, start, gradient in zip(trained, before, gradients, strict=True):
        clear = gradient.abs() > 1e-5  # far above Adam's epsilon and rounding
        moved = (tensor.detach() - start)[clear]
        torch.testing.assert_close(moved, -0.01 * gradient[clear].sign(), atol=2e-5, rtol=0)
        several += int(clear.sum())
    assert several > 10


def test_edges_are_state() -> None:
    strategy, other = made(), made(seed=1)
    assert not torch.equal(strategy.edges["node1"], other.edges["node1"])
    other.load_state_dict(strategy.state_dict())
    for name, weights in strategy.weight_relaxation().weights.items():
        assert torch.equal(weights, other.weight_relaxation().weights[name])
