"""Strategies that draw the architecture anew at each step: GDAS, SNAS and DrNAS."""

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from nasp.core.relaxation import Relaxation
from nasp.errors import NaspError
from nasp.search.one_shot import loss_of
from nasp.strategies.base import Loss
from nasp.strategies.concrete import gumbel
from nasp.strategies.drnas import DrNAS
from nasp.strategies.gdas import GDAS
from nasp.strategies.snas import SNAS
from nasp.testing.strategies import make_strategy
from tests.nasp.toys import TOYS


def made_with_loss(strategy: Any, kind: str) -> tuple[Any, Loss]:
    """A strategy whose `A` differs from edge to edge, and the loss of one batch."""
    made, task = make_strategy(strategy, TOYS[kind])
    random = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for a in made.architecture.values().values():
            a.copy_(torch.randn(a.shape, generator=random))
    (batch,) = [next(made.space.batches(random))]
    return made, partial(loss_of, task.loss, made.space, batch)


def recorded_steps(made: Any, monkeypatch: pytest.MonkeyPatch) -> list[list[Tensor]]:
    """The gradients of `A` of all further steps."""
    found: list[list[Tensor]] = []
    count = len(made.architecture.values())
    monkeypatch.setattr(made, "descend", lambda gradients: found.append([*gradients[:count]]))
    return found


def test_gumbel_noise_draws_from_the_softmax() -> None:
    logits = torch.tensor([0.0, 1.0, -1.0]).expand(20_000, 3)
    drawn = (logits + gumbel(logits, torch.Generator().manual_seed(0))).argmax(1)
    shares = torch.bincount(drawn).double() / len(drawn)
    torch.testing.assert_close(shares, logits[0].double().softmax(0), atol=0.01, rtol=0)


def test_temperatures_fall_from_the_first_to_the_last_epoch() -> None:
    def temperatures(name: str, values: tuple[float, float], epochs: int) -> list[float]:
        made, _ = make_strategy({"name": name, "temperature": values}, TOYS["rnn"])
        found = []
        for position in range(epochs):
            made.begin_epoch(position, epochs)
            found.append(made.temperature)
        return found

    assert temperatures("gdas", (10.0, 0.1), 3) == pytest.approx([10.0, 5.05, 0.1])
    assert temperatures("snas", (1.0, 0.04), 3) == pytest.approx([1.0, 0.2, 0.04])
    assert temperatures("gdas", (10.0, 0.1), 1) == [10.0]
    for name in ("gdas", "snas"):
        made, _ = make_strategy(name, TOYS["rnn"])
        made.begin_epoch(4, 5)
        assert made.temperature == pytest.approx(made.options.temperature[1])
        for wrong in ((0.1, 1.0), (1.0, 0.0), (math.nan, math.nan)):
            with pytest.raises(NaspError, match="first >= last > 0"):
                made.Options(temperature=wrong)


@pytest.mark.parametrize("kind", TOYS)
def test_gdas_runs_a_new_operation_on_each_edge_at_each_step(kind: str) -> None:
    made, _ = make_strategy("gdas", TOYS[kind])
    seen: dict[str, list[list[int]]] = {}
    for _ in range(30):
        path = made.weight_relaxation()
        assert path.discrete
        for decision in made.space.decisions:
            edges, operations = zip(*path.active[decision.name], strict=True)
            assert list(edges) == list(range(len(decision.sources)))
            seen.setdefault(decision.name, []).append(list(operations))
    assert all(any(other != one[0] for other in one) for one in seen.values())


@pytest.mark.parametrize("kind", TOYS)
def test_the_gradient_of_gdas_is_straight_through_the_drawn_operations(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of `h − sg(p) + p` on what is drawn, and of zero on all else, by autograd."""
    made, loss = made_with_loss({"name": "gdas", "temperature": (2.0, 1.0)}, kind)
    steps = recorded_steps(made, monkeypatch)
    state = made.generator.get_state()
    value = made.architecture_step(loss, loss)
    made.generator.set_state(state)
    values, weights = made.architecture.values(), {}
    for name, a in values.items():
        logits = a.log_softmax(-1) + gumbel(a, made.generator)
        soft = (logits / 2.0).softmax(-1)
        hard = functional.one_hot(logits.argmax(-1), a.shape[1]).to(a)
        weights[name] = hard * (hard - soft.detach() + soft)
    expected = loss(Relaxation.dense(weights))
    torch.testing.assert_close(value, expected.detach())
    found = torch.autograd.grad(expected, list(values.values()))
    for own, autograd in zip(steps[0], found, strict=True):
        torch.testing.assert_close(own, autograd)
        assert (own != 0).any()


@pytest.mark.parametrize("kind", TOYS)
def test_snas_takes_both_steps_under_one_draw_of_one_batch(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, loss = made_with_loss("snas", kind)
    made.begin_epoch(1, 3)
    steps = recorded_steps(made, monkeypatch)
    state = made.generator.get_state()
    value = made.architecture_step(loss, lambda *_: pytest.fail("validation is not used"))
    kept = made.weight_relaxation()
    made.generator.set_state(state)
    values = made.architecture.values()
    weights = {
        name: ((a + gumbel(a, made.generator)) / math.sqrt(0.03)).softmax(-1)
        for name, a in values.items()
    }
    expected = loss(Relaxation.dense(weights))
    torch.testing.assert_close(value, expected.detach())
    for name, drawn in weights.items():
        assert torch.equal(kept.weights[name], drawn.detach())
        assert not kept.weights[name].requires_grad
    found = torch.autograd.grad(expected, list(values.values()))
    for own, autograd in zip(steps[0], found, strict=True):
        torch.testing.assert_close(own, autograd)
    other = made.weight_relaxation()  # as in a warm-up
    assert any(not torch.equal(other.weights[name], kept.weights[name]) for name in weights)


def test_the_resource_term_of_snas_prefers_what_costs_little() -> None:
    def cost(resource: float) -> float:
        strategy = {"name": "snas", "learning_rate": 0.1, "resource": resource}
        made, task = make_strategy(strategy, TOYS["cnn"])
        batches = made.space.batches(torch.Generator().manual_seed(5))
        for _ in range(20):
            loss = partial(loss_of, task.loss, made.space, next(batches))
            made.architecture_step(loss, loss)
        point = made.search_relaxation()
        return float(
            sum(
                (point.weights[d.name] @ torch.tensor(d.cost).float()).sum()
                for d in made.space.decisions
            )
        )

    assert cost(5.0) < 0.7 * cost(0.0)


def test_dirichlet_weights_have_their_means_and_variances() -> None:
    made, _ = made_with_loss("drnas", "cnn")
    draws: dict[str, list[Tensor]] = {}
    for _ in range(4000):
        for name, weights in made.weight_relaxation().weights.items():
            draws.setdefault(name, []).append(weights)
    for name, a in made.architecture.values().items():
        drawn = torch.stack(draws[name])
        concentration = (functional.elu(a) + 1).detach()
        total = concentration.sum(-1, keepdim=True)
        mean = concentration / total
        variance = mean * (1 - mean) / (total + 1)
        torch.testing.assert_close(drawn.mean(0), mean, atol=0.02, rtol=0)
        torch.testing.assert_close(drawn.var(0), variance, atol=0.01, rtol=0)
        torch.testing.assert_close(drawn.sum(-1), torch.ones(drawn.shape[:-1]))


def test_the_gradient_of_drnas_is_that_of_the_mean_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a loss that is linear in the weights, whose mean over draws is known."""
    made, _ = made_with_loss({"name": "drnas", "anchor": 0.5}, "rnn")
    steps, values = recorded_steps(made, monkeypatch), made.architecture.values()
    random = torch.Generator().manual_seed(1)
    factors = {name: torch.randn(a.shape, generator=random) for name, a in values.items()}

    def loss(point: Relaxation, weights: Any = None) -> Tensor:
        return torch.stack([(factors[n] * w).sum() for n, w in point.weights.items()]).sum()

    for _ in range(2500):
        made.architecture_step(loss, loss)
    concentrations = [functional.elu(a) + 1 for a in values.values()]
    means = [c / c.sum(-1, keepdim=True) for c in concentrations]
    expected = sum(
        (factor * mean).sum() for factor, mean in zip(factors.values(), means, strict=True)
    )
    expected = expected + 0.5 * sum((c - 1).square().sum() for c in concentrations)
    found = torch.autograd.grad(expected, list(values.values()))
    for own, exact in zip(zip(*steps, strict=True), found, strict=True):
        torch.testing.assert_close(torch.stack(own).mean(0), exact, atol=0.05, rtol=0)


def test_their_answers_keep_the_most_probable_operations() -> None:
    for name, kind in (("gdas", GDAS), ("snas", SNAS), ("drnas", DrNAS)):
        made, _ = made_with_loss(name, "cnn")
        assert isinstance(made, kind)
        for decision in made.space.decisions:
            a = made.scores()[decision.name].detach()
            kept = made.projection()[decision.name]
            own = (functional.elu(a) + 1) if name == "drnas" else a.exp()
            shares = own / own.sum(-1, keepdim=True)
            best = shares.max(1).values.topk(decision.keep).indices
            assert set(kept.sum(1).nonzero()[:, 0].tolist()) == set(best.tolist())
            for edge in best.tolist():
                assert kept[edge].argmax() == shares[edge].argmax()
