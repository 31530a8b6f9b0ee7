"""NASNet's controller: its probabilities, PPO, and what it learns."""

import pytest
import torch

from nasp.core.decision import Decision
from nasp.core.genotype import choices_of, projection_of
from nasp.samplers import SAMPLERS, Trial
from nasp.samplers.nasnet import Controller, clipped_gain
from nasp.samplers.slots import Slots
from nasp.testing.samplers import DECISIONS, ask_and_tell

EDGES = DECISIONS["edges"]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_probabilities_of_all_sequences_sum_to_one() -> None:
    controller = Controller(EDGES[:1], 7, seeded(0))  # two of three edges, three operations
    shape = [step.size for step in controller.tokens.steps]
    assert shape == [3, 3, 3, 3]
    grids = torch.cartesian_prod(*(torch.arange(size) for size in shape))
    allowed = grids[grids[:, 0] != grids[:, 2]]  # an edge is kept once
    _, probability, _ = controller(len(allowed), allowed)
    assert float(probability.detach().exp().sum()) == pytest.approx(1.0, abs=1e-5)


def test_drawn_tokens_are_valid_and_have_the_probability_that_is_told() -> None:
    controller = Controller(EDGES, 10, seeded(1))
    tokens, drawn, entropy = controller(50)
    _, followed, again = controller(50, tokens)
    assert torch.allclose(drawn, followed)
    assert torch.allclose(entropy, again)
    assert bool(((entropy > 0) & entropy.isfinite()).all())
    slots = Slots(EDGES, seeded(0))
    for row in range(50):
        choices = slots.choices(controller.tokens.architectures(tokens[row : row + 1]))
        assert choices_of(EDGES, projection_of(EDGES, choices)) == choices


def test_the_gain_is_flat_beyond_the_clip_where_a_step_has_gone_far_enough() -> None:
    ratio = torch.tensor([1.5, 0.5, 1.5, 0.5, 1.1])
    advantages = torch.tensor([2.0, -2.0, -2.0, 2.0, 1.0])
    expected = torch.tensor([2.4, -1.6, -3.0, 1.0, 1.1])
    assert torch.allclose(clipped_gain(ratio, advantages, 0.2), expected)


def test_the_controller_comes_to_propose_what_scores_well() -> None:
    decisions = tuple(
        Decision(f"d{i}", ("a",), ("w", "x", "y", "z"), (0, 0, 0, 0)) for i in range(4)
    )

    def score(trial: Trial) -> float:
        return float(sum(pairs[0][1] != "y" for pairs in trial.choices.values()))

    trials = ask_and_tell(SAMPLERS["nasnet"](decisions, seeded(0)), score, 80)
    first, last = (sum(t.score for t in part) / 20 for part in (trials[:20], trials[-20:]))
    assert first > 2  # 3 by chance
    assert last < 1


def test_weights_move_after_a_batch_of_trials_only() -> None:
    sampler = SAMPLERS["nasnet"](EDGES, seeded(0))
    before = [weight.detach().clone() for weight in sampler.controller.parameters()]
    ask_and_tell(sampler, lambda trial: float(trial.number % 3), 9)
    assert all(map(torch.equal, before, sampler.controller.parameters()))
    ask_and_tell(sampler, lambda trial: 0.5, 1)
    assert not any(map(torch.equal, before[:2], sampler.controller.parameters()))
