"""ASNG: utilities, the natural gradient and its step length, the bound on θ, the answer."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nasp.core.decision import Decision
from nasp.core.relaxation import Relaxation
from nasp.errors import NaspError
from nasp.strategies.asng import ASNG, ASNGOptions, bounded, utilities
from nasp.testing.strategies import Absence, make_strategy
from tests.nasp.toys import TOYS


def made(kind: Any = "cnn", **options: Any) -> ASNG:
    strategy, _ = make_strategy({"name": "asng", **options}, TOYS.get(kind, kind))
    assert isinstance(strategy, ASNG)
    return strategy


def planted(strategy: ASNG) -> tuple[Any, dict[str, Tensor]]:
    """A loss that is a sum over the running candidates, and its terms, which are 0 to 1."""
    random = torch.Generator().manual_seed(4)
    terms = {d.name: torch.rand(d.shape, generator=random) for d in strategy.space.decisions}

    def loss(path: Relaxation, weights: Any = None) -> Tensor:
        return torch.stack([(terms[name] * a).sum() for name, a in path.weights.items()]).sum()

    return loss, terms


def test_utilities_are_those_of_the_best_and_of_the_worst_quarter() -> None:
    assert utilities([2.0, 1.0]) == [-1.0, 1.0]
    assert utilities([3.0, 3.0]) == [0.0, 0.0]
    assert utilities([3.0, math.nan]) == [1.0, -1.0]
    assert utilities([5.0, 1.0, 3.0, 2.0, 4.0]) == [-1.0, 1.0, 0.0, 1.0, -1.0]
    assert utilities([1.0, 1.0, 1.0, 2.0]) == pytest.approx([1 / 3, 1 / 3, 1 / 3, -1.0])


@given(st.lists(st.floats(0.001, 1.0), min_size=2, max_size=6), st.floats(0.0, 0.99))
def test_bounded_probabilities_sum_to_one(values: list[float], share: float) -> None:
    theta = torch.tensor([values]).double()
    theta = theta / theta.sum()
    least = share / len(values)
    found = bounded(theta, least)
    assert float(found.min()) >= least - 1e-12
    assert float(found.sum()) == pytest.approx(1.0)
    in_order = found[0, theta[0].argsort()]
    assert bool((in_order.diff() >= -1e-12).all())
    torch.testing.assert_close(bounded(found, least), found)


def test_two_steps_are_those_of_the_formulas() -> None:
    """With the Fisher information as a matrix over the free probabilities of each variable."""
    strategy = made("cnn", learning_rate=0.3)
    theta = {name: t.clone() for name, t in strategy.theta.items()}
    size = 2 * 2 + 2 + 3 * 2  # node0 keeps both of its edges; node1 keeps one of 3 pairs
    path = {name: torch.zeros_like(t) for name, t in theta.items()}
    delta, gamma = 1.0, 0.0
    for better, worse in [
        (
            {"node0": (0, [0, 1]), "node1": (2, [0, 0])},
            {"node0": (0, [0, 2]), "node1": (1, [1, 1])},
        ),
        (
            {"node0": (0, [2, 2]), "node1": (2, [0, 1])},
            {"node0": (0, [1, 0]), "node1": (0, [2, 1])},
        ),
    ]:
        pairs = [(0, 1), (0, 2), (1, 2)]
        gradient = {name: torch.zeros_like(t) for name, t in theta.items()}
        for one, sign in ((better, 1.0), (worse, -1.0)):
            for name, (number, operations) in one.items():
                if name == "node1":
                    hot = torch.eye(3)[number].double()
                    gradient["node1.edges"][0] += sign / 2 * (hot - theta["node1.edges"][0])
                kept = (0, 1) if name == "node0" else pairs[number]
                for edge, operation in zip(kept, operations, strict=True):
                    hot = torch.eye(3)[operation].double()
                    gradient[name][edge] += sign / 2 * (hot - theta[name][edge])
        square = 0.0
        for name, rows in gradient.items():
            for row, t in zip(rows, theta[name], strict=True):
                fisher = torch.diag(1 / t[:-1]) + 1 / t[-1]
                square += float(row[:-1] @ fisher @ row[:-1])
        norm, step = math.sqrt(square), 0.3 / delta
        beta = step / math.sqrt(size)
        for name, rows in gradient.items():
            path[name] = (1 - beta) * path[name] + math.sqrt(beta * (2 - beta)) * rows / (
                norm * theta[name].sqrt()
            )
            theta[name] = theta[name] + step * rows / norm
        gamma = (1 - beta) ** 2 * gamma + beta * (2 - beta)
        length = sum(float(s.square().sum()) for s in path.values())
        delta *= math.exp(beta * (gamma - length / 1.5))
        assert min(float(t.min()) for t in theta.values()) > 1 / (6 * 2)  # the bound is not met
        strategy.learn([worse, better], [-1.0, 1.0])
        for name, expected in theta.items():
            torch.testing.assert_close(strategy.theta[name], expected)
        assert strategy.gamma == pytest.approx(gamma)
        assert strategy.delta == pytest.approx(delta)
    assert strategy.size == size
    assert delta != 1.0


def test_equal_losses_and_dropped_edges_change_nothing() -> None:
    strategy = made("cnn")
    before = {name: t.clone() for name, t in strategy.theta.items()}
    drawn = [{"node0": (0, [0, 1]), "node1": (0, [k, k])} for k in range(2)]
    strategy.learn(drawn, [0.0, 0.0])
    assert all(torch.equal(t, before[name]) for name, t in strategy.theta.items())
    strategy.learn(drawn, [1.0, -1.0])
    assert torch.equal(strategy.theta["node1"][2], before["node1"][2])  # both keep edges 0 and 1
    assert strategy.theta["node1"][0, 0] > before["node1"][0, 0]
    assert strategy.theta["node1"][1, 1] < before["node1"][1, 1]


@pytest.mark.parametrize("kind", [*TOYS, Absence])
def test_it_finds_a_planted_architecture_without_a_backward_pass(kind: Any) -> None:
    strategy = made(kind)
    strategy.continuous, strategy.optimizer = [], None
    loss, terms = planted(strategy)

    def graded(path: Relaxation, weights: Any = None) -> Tensor:
        assert not torch.is_grad_enabled()
        return loss(path)

    first = float(loss(Relaxation.one_path(strategy.projection())))
    for _ in range(300):
        strategy.architecture_step(graded, graded)
    best = 0.0
    for d in strategy.decisions:
        of = strategy.space.decisions[[s.name for s in strategy.space.decisions].index(d.name)]
        offered = [of.operations.index(name) for name in d.operations]
        rows = terms[d.name][:, offered].min(1).values
        best += float(rows.sort().values[: d.keep].sum())
    found = float(loss(Relaxation.one_path(strategy.projection())))
    assert best - 1e-6 <= found < best + 0.3 * (first - best)
    for name, t in strategy.theta.items():
        assert float(t.min()) >= strategy.least[name] - 1e-12
        torch.testing.assert_close(t.sum(1), torch.ones(len(t)).double())


def test_theta_starts_uniform_with_the_bound_of_the_paper() -> None:
    strategy = made("cnn")
    for name, t in strategy.theta.items():
        torch.testing.assert_close(t, torch.full_like(t, 1 / t.shape[1]))
        # Six variables: the pair of edges of node1, and five operations. node0 keeps both edges.
        assert strategy.least[name] == (0.0 if name == "node0.edges" else 1 / (6 * 2))
    scores = strategy.scores()
    torch.testing.assert_close(scores["node0"], torch.full((2, 3), 1 / 3))
    torch.testing.assert_close(scores["node1"], torch.full((3, 3), 2 / 9))


def test_the_continuous_architecture_follows_the_gradient_of_the_mean_loss() -> None:
    strategy = made("cf", samples=3)
    batch = next(strategy.space.batches(torch.Generator().manual_seed(1)))  # type: ignore[operator]

    def loss(path: Relaxation, weights: Any = None) -> Tensor:
        return strategy.space.loss(strategy.space(batch, path), batch)  # type: ignore[operator, no-any-return]

    drawn = [strategy.draw() for _ in range(3)]
    mean = torch.stack([loss(strategy.path(one)) for one in drawn]).mean()
    expected = torch.autograd.grad(mean, strategy.continuous)
    strategy.losses(drawn, loss)
    for parameter, gradient in zip(strategy.continuous, expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
    assert all(weight.grad is None for weight in strategy.weights)


def test_too_many_sets_of_edges_are_refused() -> None:
    space = TOYS["cnn"](torch.Generator())
    sources = tuple(map(str, range(100)))
    space.decisions = (Decision("pairs", sources, ("x", "y"), (0, 0), 3),)
    with pytest.raises(NaspError, match="pairs has 161,700 sets of 3 of 100 edges, more than"):
        ASNG(space, torch.Generator(), ASNGOptions())


@pytest.mark.parametrize(
    ("option", "value"),
    [("learning_rate", 0.0), ("samples", 1), ("samples", 10**6), ("threshold", -1.0)],
)
def test_options_are_checked(option: str, value: float) -> None:
    with pytest.raises(NaspError, match=rf"^{option} is "):
        ASNGOptions(**{option: value})  # type: ignore[arg-type]
    with pytest.raises(NaspError, match=r"^continuous_rate is 0.0; it must be above 0"):
        ASNGOptions(continuous_rate=0.0)
