"""Architectures as tensors, and the Gaussian process on them."""

import math

import pytest
import torch

from nasp.core.decision import Decision
from nasp.core.genotype import choices_of, projection_of
from nasp.samplers import SAMPLERS, Trial
from nasp.samplers.gaussian_process import Kernel, expected_improvement, normal_ranks
from nasp.samplers.slots import Slots
from nasp.testing.samplers import DECISIONS, ask_and_tell

EDGES = DECISIONS["edges"]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_drawn_architectures_are_valid_and_read_back() -> None:
    slots = Slots(EDGES, seeded(0))
    drawn = slots.draw(200)
    assert slots.present(drawn).sum(1).tolist() == [3.0] * 200
    seen = set()
    for i in range(200):
        choices = slots.choices(drawn[torch.tensor([i])])
        assert choices_of(EDGES, projection_of(EDGES, choices)) == choices
        assert torch.equal(slots.present(slots.of(choices)), slots.present(drawn)[i : i + 1])
        seen.add(repr(choices))
    assert len(seen) > 130  # of 27 · 16, evenly drawn


def test_a_mutation_changes_one_slot_into_another_valid_architecture() -> None:
    slots = Slots(EDGES, seeded(1))
    parents = slots.draw(500)
    children = slots.mutate(parents)
    moved = children.edges != parents.edges
    changed = children.operations != parents.operations
    assert int((moved | changed).sum(1).max()) == 1
    assert not (moved & changed).any()
    for part in (moved, changed):
        assert part.any(0).all()  # of each slot
    assert slots.present(children).sum(1).tolist() == [3.0] * 500


def test_the_kernel_is_one_at_equal_architectures_and_falls_with_differences() -> None:
    slots = Slots(EDGES, seeded(2))
    kernel = Kernel(EDGES, slots)
    some = slots.draw(40)
    features, offsets = kernel.features(some), torch.zeros(40, 0, dtype=torch.float64)
    matrix = kernel(features, offsets, features, offsets)
    assert torch.allclose(matrix.diagonal(), torch.ones(40, dtype=torch.float64))
    assert torch.allclose(matrix, matrix.T)
    assert float(torch.linalg.eigvalsh(matrix)[0]) > -1e-9
    one = slots.of({"pair": (("a", "x"), ("b", "y")), "one": (("a", "w"),)})
    swapped = slots.of({"pair": (("a", "y"), ("b", "x")), "one": (("a", "w"),)})
    other = slots.of({"pair": (("a", "y"), ("c", "z")), "one": (("b", "z"),)})
    near, far = (
        float(kernel(kernel.features(one), offsets[:1], kernel.features(x), offsets[:1]))
        for x in (swapped, other)
    )
    assert 1 > near > far > 0
    moved = torch.tensor([[0.3]], dtype=torch.float64)
    f = kernel.features(one)
    assert float(kernel(f, moved, f, 0 * moved)) == pytest.approx(math.exp(-0.9))


def test_scores_become_quantiles_of_their_ranks() -> None:
    ranks = normal_ranks(torch.tensor([3.0, 1.0, math.inf, 1.0, math.inf]))
    assert ranks[1] == ranks[3] > ranks[0] > ranks[2] == ranks[4]
    assert float(ranks[0]) == pytest.approx(0.0, abs=1e-12)
    assert float(normal_ranks(torch.tensor([2.0, 1.0]))[1]) == pytest.approx(0.67449, abs=1e-5)


def test_the_expected_improvement_is_that_of_draws() -> None:
    mean = torch.tensor([0.0, 0.5, -1.0], dtype=torch.float64)
    deviation = torch.tensor([1.0, 0.2, 2.0], dtype=torch.float64)
    noise = torch.randn(400_000, 1, generator=seeded(0), dtype=torch.float64)
    drawn = (mean + deviation * noise - 0.4).clamp(min=0).mean(0)
    exact = expected_improvement(mean, deviation, torch.tensor(0.4))
    assert torch.allclose(exact, drawn, atol=0.005)


def test_no_architecture_is_proposed_twice_while_candidates_are_new() -> None:
    decisions = DECISIONS["edges"][:1]
    sampler = SAMPLERS["gaussian_process"](decisions, seeded(3))
    trials = ask_and_tell(sampler, lambda trial: float(trial.number % 7), 30)
    later = [repr(trial.choices) for trial in trials[10:]]
    new = 27 - len({repr(trial.choices) for trial in trials[:10]})
    assert len(set(later[:new])) == new  # all 27 are found
    assert len({repr(trial.choices) for trial in trials}) == 27


def test_it_finds_a_planted_architecture_in_few_trials() -> None:
    """One of 2,160 in 60 trials, where the score counts what differs from it."""
    decisions = (*EDGES, *DECISIONS["operations"])
    found = 0
    for seed in range(3):
        target = set(SAMPLERS["random"](decisions, seeded(100 + seed)).ask()[0].choices.items())

        def score(trial: Trial, target: set[tuple[str, object]] = target) -> float:
            pairs = {(name, pair) for name, kept in target for pair in kept}
            return float(sum(pair not in trial.choices[name] for name, pair in pairs))

        trials = ask_and_tell(SAMPLERS["gaussian_process"](decisions, seeded(seed)), score, 60)
        found += min(trial.score for trial in trials) == 0
    assert found == 3


def test_it_finds_the_continuous_architecture() -> None:
    """Better than as many draws around the start; it goes on to explore."""
    decisions = (Decision("only", ("a",), ("x",), (0,)),)

    def score(trial: Trial) -> float:
        return sum((offset - 0.15) ** 2 for offset in trial.offsets)

    best, drawn = 0.0, 0.0
    for seed in range(3):
        sampler = SAMPLERS["gaussian_process"](decisions, seeded(seed), 4)
        best += min(trial.score for trial in ask_and_tell(sampler, score, 60))
        noise = 0.1 * torch.randn(60, 4, generator=seeded(seed))
        drawn += float((noise - 0.15).square().sum(1).min())
    assert best < 0.2 * drawn
