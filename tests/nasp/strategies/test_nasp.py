"""NASP's step of `A`: its scale, the margin, the bounds and the regulariser."""

from collections import Counter
from functools import partial
from typing import Any

import pytest
import torch

from nasp.core.genotype import projection_of
from nasp.core.relaxation import Relaxation
from nasp.search.one_shot import loss_of
from nasp.strategies.nasp import NASP, Moments
from nasp.testing.strategies import make_strategy
from tests.nasp.toys import TOYS

PLAIN = {"name": "nasp", "learning_rate": 0.01, "betas": (0.0, 0.0), "margin": 0.0}


def made(kind: str, **options: Any) -> tuple[NASP, Any]:
    """Make the strategy, and the loss of a batch."""
    strategy, task = make_strategy(PLAIN | options, TOYS[kind], 3)
    assert isinstance(strategy, NASP)
    batch = next(task.space(torch.Generator(), False).batches(torch.Generator().manual_seed(5)))
    return strategy, partial(loss_of, task.loss, strategy.space, batch)


def gradients_of(strategy: NASP, loss: Any) -> dict[str, torch.Tensor]:
    point = Relaxation.one_path(strategy.projection()).probed()
    found = torch.autograd.grad(loss(point), list(point.weights.values()))
    return dict(zip(point.weights, found, strict=True))


@pytest.mark.parametrize("kind", TOYS)
def test_a_step_is_proportional_to_what_a_swap_does_to_the_loss(kind: str) -> None:
    strategy, loss = made(kind)
    before = {name: a.detach().clone() for name, a in strategy.scores().items()}
    kept, gradients = strategy.projection(), gradients_of(strategy, loss)
    strategy.architecture_step(loss, loss)
    for name, a in strategy.scores().items():
        chosen = (gradients[name] * kept[name]).sum() / kept[name].sum()
        relative = gradients[name] - chosen
        expected = -0.01 * relative / relative.square().mean().sqrt()
        torch.testing.assert_close(a.detach() - before[name], expected, rtol=1e-4, atol=1e-7)
    other, loss = made(kind, scale="weight")
    other.architecture_step(loss, loss)
    for name, a in other.scores().items():  # Adam takes a step of the same size for all
        moved = (a.detach() - before[name])[gradients[name].abs() > 1e-6]
        torch.testing.assert_close(moved.abs(), torch.full_like(moved, 0.01), rtol=1e-2, atol=0)


def test_a_candidate_needs_the_margin_to_take_a_place() -> None:
    for margin, changes in ((0.0, True), (5.0, False), (1.0, True)):
        strategy, loss = made("cf", margin=margin)
        kept, a = strategy.projection(), next(iter(strategy.scores().values()))
        name = next(iter(kept))
        gradient = gradients_of(strategy, loss)[name]
        assert gradient.argmin() != kept[name].argmax()  # another one is better
        with torch.no_grad():
            a.fill_(0.5)
        strategy.architecture_step(loss, loss)
        assert torch.equal(strategy.projection()[name], kept[name]) != changes


def test_candidates_at_the_bound_are_ranked_by_where_they_would_be() -> None:
    for seed in range(6):
        strategy, _ = make_strategy(PLAIN, TOYS["rnn"], seed)
        architecture = strategy.architecture  # type: ignore[attr-defined]
        with torch.no_grad():
            for a in architecture.values().values():
                a.fill_(1.0)
                a[-1, 2] += 0.02  # the step of one candidate is larger than the others'
                a[0, 0] += 0.01
                a[0, 1] -= 0.01
        architecture.clip()
        assert all(float(a.detach().max()) == 1.0 for a in architecture.values().values())
        for name, kept in architecture.projection().items():
            assert kept[-1, 2] == 1.0, name


def test_moments_are_averages_of_a_decision() -> None:
    gradients = [torch.tensor([[1.0, -3.0]]), torch.tensor([[2.0, 2.0]])]
    moments = Moments({"a": torch.zeros(1, 2)})
    for gradient in gradients:
        found = moments.follow("a", gradient, (0.5, 0.9))
    mean = (0.25 * gradients[0] + 0.5 * gradients[1]) / 0.75
    square = (0.09 * 5.0 + 0.1 * 4.0) / 0.19
    torch.testing.assert_close(found, (mean / square**0.5).double())
    huge = moments.follow("a", torch.tensor([[1e30, -1e30]]), (0.0, 0.0))
    torch.testing.assert_close(huge, torch.tensor([[1.0, -1.0]], dtype=torch.float64))
    again = Moments({"a": torch.zeros(1, 2)})
    again.load_state_dict(moments.state_dict())
    torch.testing.assert_close(
        again.follow("a", gradients[0], (0.5, 0.9)), moments.follow("a", gradients[0], (0.5, 0.9))
    )


def test_the_proximal_regulariser_shrinks_candidates_that_are_not_kept_too() -> None:
    def after(**options: Any) -> dict[str, torch.Tensor]:
        strategy, loss = made("cnn", **options)
        strategy.architecture_step(loss, loss)
        return {name: a.detach() for name, a in strategy.scores().items()}

    free, shrunk = after(), after(eta=2.0, regularizer="proximal")
    for name, a in free.items():
        skip, conv, pool = shrunk[name].unbind(1)
        torch.testing.assert_close(conv, a[:, 1] / (1 + 2 * 0.01 * 2.0), rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(torch.stack([skip, pool], 1), a[:, [0, 2]])


def test_a_start_is_kept_until_another_leads() -> None:
    strategy, _ = make_strategy(PLAIN | {"margin": 3.0}, TOYS["rnn"], 1)
    choices = {d.name: ((d.sources[0], "identity"),) for d in strategy.space.decisions}
    strategy.start_from(choices)
    expected = projection_of(strategy.space.decisions, choices)
    assert all(torch.equal(kept, expected[n]) for n, kept in strategy.projection().items())


def test_exploring_steps_get_rarer_and_are_drawn_evenly() -> None:
    strategy, _ = made("cnn", explore=1.0)
    kept = strategy.projection()

    def kinds() -> list[bool]:
        """Whether each of forty steps of the weights trains the kept path."""
        paths = [strategy.weight_relaxation().weights for _ in range(40)]
        return [all(torch.equal(path[name], kept[name]) for name in kept) for path in paths]

    assert NASP.follows_epochs(strategy.options)
    assert not NASP.follows_epochs(NASP.Options())
    strategy.begin_epoch(0, 5)
    assert not any(kinds())
    strategy.begin_epoch(2, 5)
    assert 8 < sum(kinds()) < 32
    strategy.begin_epoch(4, 5)
    assert all(kinds())
    strategy.begin_epoch(0, 5)
    paths = [strategy.weight_relaxation().active for _ in range(400)]
    for decision in strategy.space.decisions:
        run = Counter(choice for path in paths for choice in path[decision.name])
        even = 400 * decision.keep / (len(decision.sources) * len(decision.operations))
        assert len(run) == len(decision.sources) * len(decision.operations)
        assert all(0.5 * even < count < 1.6 * even for count in run.values())


@pytest.mark.parametrize("kind", TOYS)
def test_a_change_that_raises_the_loss_is_refused(kind: str) -> None:
    strategy, loss = made(kind, margin=1.0, confirm=True)
    kept, before = strategy.projection(), {n: a.clone() for n, a in strategy.scores().items()}
    worse = Relaxation.one_path(kept)

    def worse_elsewhere(relaxation: Relaxation, weights: Any = None) -> torch.Tensor:
        found: torch.Tensor = loss(relaxation, weights)
        return found if relaxation.active == worse.active else found + 100.0

    with torch.no_grad():
        for name, a in strategy.scores().items():
            a[kept[name].bool()] -= 0.1  # all others lead
    strategy.architecture_step(loss, worse_elsewhere)
    assert all(torch.equal(strategy.projection()[name], kept[name]) for name in kept)
    with torch.no_grad():
        for name, a in strategy.scores().items():
            assert (a < before[name]).any()  # they lost a step of their lead

    def better_elsewhere(relaxation: Relaxation, weights: Any = None) -> torch.Tensor:
        found: torch.Tensor = loss(relaxation, weights)
        return found if relaxation.active == worse.active else found - 100.0

    strategy.architecture_step(loss, better_elsewhere)
    assert any(not torch.equal(strategy.projection()[name], kept[name]) for name in kept)
