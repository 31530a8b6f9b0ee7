"""BayesNAS: switches, their curvatures, and the prior variances that these give."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from nasp.core.decision import Decision
from nasp.core.relaxation import Relaxation
from nasp.errors import NaspError
from nasp.search.one_shot import loss_of
from nasp.strategies import bayesnas
from nasp.strategies.base import Loss
from nasp.strategies.bayesnas import BayesNAS
from nasp.testing import ToyCNN
from nasp.testing.strategies import make_strategy
from tests.nasp.toys import TOYS


class NoneToo(ToyCNN):
    """One edge, on which `none` is one of the operations that may be kept."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__(generator)
        self.decisions = (Decision("x", ("in",), ("none", "b", "c"), (0, 0, 0)),)


def made(kind: Any = ToyCNN, **options: float) -> BayesNAS:
    """BayesNAS with different switches."""
    strategy, _ = make_strategy({"name": "bayesnas", **options}, kind)
    assert isinstance(strategy, BayesNAS)
    random = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for switches in (*strategy.architecture.values().values(), *strategy.edges.values()):
            switches.copy_(torch.randn(switches.shape, generator=random))
    return strategy


def quadratic(name: str, factors: Tensor, together: float) -> Loss:
    """The loss `½ Σ q w² + t w₀₀ w₀₁` of one decision."""

    def loss(relaxation: Relaxation, weights: Any = None) -> Tensor:
        w = relaxation.weights[name]
        return (factors * w.square()).sum() / 2 + together * w[0, 0] * w[0, 1]

    return loss


def test_a_step_of_omega_by_hand() -> None:
    """Of a quadratic loss with a negative curvature, and a product of two weights of an edge."""
    strategy = made(edge_sparsity=0.5, operation_sparsity=0.25)
    factors = torch.tensor([[4.0, 1.0, 0.0], [-2.0, 3.0, 1.0]])
    with torch.no_grad():
        strategy.edges["node0"].copy_(torch.tensor([[2.0], [-1.0]]))
        strategy.architecture.weights["node0"].copy_(
            torch.tensor([[0.5, 1.0, 0.2], [-1.0, 0.5, 0.3]])
        )
    strategy.architecture_step(*[quadratic("node0", factors, 0.75)] * 2)
    # ω was 1 for all, so γ_e was |s_e| and γ_ek was 1 / (1/|s_ek| + 1/|s_e|).
    h_edges = [4 * 0.25 + 1.0 + 2 * 0.75 * 0.5, abs(-2 * 1.0 + 3 * 0.25 + 0.09)]
    for edge, (own, h) in enumerate(zip([2.0, 1.0], h_edges, strict=True)):
        c = 1 / (1 / own + h / 0.5)
        expected = (1 / own - c / own**2) ** 0.5
        assert float(strategy._edge_omega["node0"][edge]) == pytest.approx(expected, rel=1e-5)
    for edge, k, switch in ((0, 0, 0.5), (0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.5), (1, 2, 0.3)):
        scale = [2.0, 1.0][edge]
        h = abs(scale**2 * float(factors[edge, k]))
        own = 1 / (1 / switch + 1 / scale)
        c = 1 / (1 / own + h / 0.25)
        expected = (1 / own - c / own**2) ** 0.5
        assert float(strategy._omega["node0"][edge, k]) == pytest.approx(expected, rel=1e-5)
    assert float(strategy._omega["node0"][0, 2]) == pytest.approx(bayesnas.LEAST)  # h is 0


@pytest.mark.parametrize("kind", TOYS)
def test_curvatures_are_those_of_the_loss(kind: str) -> None:
    """Against second differences of the loss in each switch."""
    strategy = made(TOYS[kind])
    space: Any = strategy.space.double().eval()
    strategy.architecture.double()
    strategy.edges.double()
    loss = partial(loss_of, space.loss, space, next(space.batches(torch.Generator())))
    of_edges, of_operations = strategy._curvatures(loss)
    largest = 0.0
    for name in (space.decisions[0].name, space.decisions[-1].name):
        for switches, found in (
            (strategy.edges[name], of_edges[name]),
            (strategy.architecture.weights[name], of_operations[name]),
        ):
            place = (found.shape[0] - 1, found.shape[1] - 1)

            def moved(offset: float, at: Any = place, s: Tensor = switches) -> float:
                with torch.no_grad():
                    s[at] += offset
                    value = float(loss(strategy._relaxation()))
                    s[at] -= offset
                return value

            step = 1e-3
            second = (moved(step) - 2 * moved(0.0) + moved(-step)) / step**2
            assert float(found[place]) == pytest.approx(second, rel=1e-3, abs=1e-6)
            largest = max(largest, abs(second))
    assert largest > 1e-3


def test_the_penalty_draws_switches_to_zero_by_their_omega() -> None:
    strategy = made(edge_sparsity=2.0, operation_sparsity=3.0)
    for omega in strategy._omega.values():
        omega.fill_(0.5)
    names = [d.name for d in strategy.space.decisions]
    trained = [t[n] for t in (strategy.architecture.values(), dict(strategy.edges)) for n in names]
    found = torch.autograd.grad(strategy._penalty(), trained)
    for switches, gradient, factor in zip(trained, found, [1.5, 1.5, 2.0, 2.0], strict=True):
        assert torch.equal(gradient, factor * switches.detach().sign())


def test_the_answer_has_the_largest_variances() -> None:
    strategy = made()
    with torch.no_grad():
        strategy.edges["node0"].copy_(torch.tensor([[0.01], [1.0]]))
        strategy.architecture.weights["node0"].copy_(
            torch.tensor([[2.0, 1.0, 1.0], [-0.5, 0.4, 0.3]])
        )
    strategy._omega["node0"][1] = torch.tensor([1.0, 0.1, 1.0])
    variances = strategy.variances()["node0"]
    assert variances[0, 0] == pytest.approx(1 / (1 / 2.0 + 1 / 0.01))
    assert variances[1, 0] == pytest.approx(1 / (1 / 0.5 + 1 / 1.0))  # the size of s counts
    assert variances[1, 1] == pytest.approx(1 / (0.1 / 0.4 + 1 / 1.0))
    assert strategy.projection()["node0"].tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def test_omega_is_computed_once_an_epoch_and_is_state() -> None:
    strategy, other = made(), made()
    space: Any = strategy.space
    batches = space.batches(torch.Generator().manual_seed(1))

    def step() -> Tensor:
        loss = partial(loss_of, space.loss, space, next(batches))
        strategy.architecture_step(loss, loss)
        return strategy._omega["node1"].clone()

    first = step()
    assert torch.equal(first, step())
    strategy.begin_epoch(1, 2)
    assert not torch.equal(first, step())
    other.load_state_dict(strategy.state_dict())
    for name, variances in strategy.variances().items():
        assert torch.equal(variances, other.variances()[name])


def test_none_has_no_variance() -> None:
    """Its loss is flat, so that its ω is the least."""
    strategy, _ = make_strategy("bayesnas", NoneToo)
    assert isinstance(strategy, BayesNAS)
    loss = quadratic("x", torch.tensor([[0.0, 1.0, 5.0]]), 0.0)
    strategy.architecture_step(loss, loss)
    assert strategy._omega["x"][0, 0] == pytest.approx(bayesnas.LEAST)
    variances = strategy.variances()["x"][0]
    assert variances[0] == 0
    assert variances[1] > variances[2] > 0
    assert strategy.genotype().choices["x"] == (("in", "b"),)


def test_it_runs_in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bayesnas, "processes", lambda: 2)
    with pytest.raises(NaspError, match="bayesnas needs second derivatives"):
        made()
