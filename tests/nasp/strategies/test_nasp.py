"""NASP's step of `A`: its scale, the margin, the bounds and the regulariser."""

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
