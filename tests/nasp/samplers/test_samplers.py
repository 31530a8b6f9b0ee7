"""Properties of samplers beyond the contract: learning, and complete enumeration."""

import math
from collections import Counter
from dataclasses import astuple
from itertools import permutations

import optuna
import pytest
import torch

from nasp.core.decision import Decision
from nasp.errors import NaspError
from nasp.samplers import SAMPLERS, Trial
from nasp.samplers.exhaustive import Exhaustive
from nasp.samplers.reinforce import Reinforce, log_probability_of_set
from nasp.samplers.tpe import TPE
from nasp.testing import SamplerContract
from nasp.testing.samplers import ask_and_tell


class TestSamplers(SamplerContract):
    @pytest.fixture(params=SAMPLERS)
    def sampler(self, request: pytest.FixtureRequest) -> object:
        return SAMPLERS[request.param]


LEARNING = ["reinforce", "tpe", "evolution"]
SEEDS = range(8)
TRIALS = 120
DECISIONS = (
    Decision("pair", ("a", "b", "c"), ("x", "y", "z"), (0, 0, 0), keep=2),
    Decision("one", ("a", "b", "c", "d"), ("w", "x", "y", "z"), (0, 0, 0, 0)),
    Decision("operation", ("a",), ("v", "w", "x", "y", "z"), (0, 0, 0, 0, 0)),
)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def found_best(name: str, seed: int) -> bool:
    """Whether a trial is the target, where the score counts differences from the target."""
    target = SAMPLERS["random"](DECISIONS, seeded(100 + seed)).ask()[0].choices

    def score(trial: Trial) -> float:
        pairs = {d.name: set(trial.choices[d.name]) for d in DECISIONS}
        edges = sum(
            len(dict(target[d.name]).keys() - dict(trial.choices[d.name])) for d in DECISIONS
        )
        return edges + sum(len(set(target[d.name]) - pairs[d.name]) for d in DECISIONS)

    trials = ask_and_tell(SAMPLERS[name](DECISIONS, seeded(seed)), score, TRIALS)
    return min(trial.score for trial in trials) == 0


@pytest.mark.parametrize("name", LEARNING)
def test_it_finds_the_best_more_often_than_random(name: str) -> None:
    found = {which: sum(found_best(which, s) for s in SEEDS) for which in (name, "random")}
    assert Exhaustive(DECISIONS, seeded(0)).count == 27 * 16 * 5
    assert found[name] >= 4  # the probability by chance is below 1 in 500
    assert found["random"] <= 2


@pytest.mark.parametrize("name", LEARNING)
def test_it_learns_the_continuous_architecture(name: str) -> None:
    decisions = (Decision("only", ("a",), ("x",), (0,)),)

    def score(trial: Trial) -> float:
        return sum((offset - 0.15) ** 2 for offset in trial.offsets)

    first, last = 0.0, 0.0
    for seed in range(4):
        scores = [
            t.score for t in ask_and_tell(SAMPLERS[name](decisions, seeded(seed), 4), score, 80)
        ]
        first, last = first + sum(scores[:8]), last + sum(scores[-8:])
    assert last < 0.8 * first


@pytest.mark.parametrize("name", ["random", "exhaustive"])
def test_without_learning_the_space_draws_the_continuous_architecture(name: str) -> None:
    assert SAMPLERS[name](DECISIONS, seeded(0), 4).ask()[0].offsets == ()


def test_exhaustive_visits_each_once_and_then_begins_again() -> None:
    sampler = Exhaustive(DECISIONS[:2], seeded(3))
    assert sampler.count == 432
    rounds = [[repr(sampler.ask()[0].choices) for _ in range(432)] for _ in range(2)]
    assert len(set(rounds[0])) == 432
    assert set(rounds[0]) == set(rounds[1])
    assert rounds[0] != rounds[1]


def test_exhaustive_order_is_uniform() -> None:
    decisions = (Decision("one", ("a",), ("x", "y", "z"), (0, 0, 0)),)
    generator = seeded(0)
    orders: Counter[str] = Counter()
    for _ in range(1200):
        sampler = Exhaustive(decisions, generator)
        orders["".join(sampler.ask()[0].choices["one"][0][1] for _ in range(3))] += 1
    assert len(orders) == 6
    assert min(orders.values()) > 150  # of 200 expected, deviation 13
    assert max(orders.values()) < 250


def test_exhaustive_counts_a_space_that_cannot_be_listed() -> None:
    operations = tuple(f"op{k}" for k in range(12))
    cell = tuple(
        Decision(f"{kind}{i}", tuple(f"s{e}" for e in range(2 + i)), operations, (0,) * 12, 2)
        for kind in ("normal", "reduce")
        for i in range(4)
    )
    sampler = Exhaustive(cell, seeded(0))
    assert sampler.count == (180 * 144**4) ** 2 > 2**64
    assert len({repr(sampler.ask()[0].choices) for _ in range(200)}) == 200


@pytest.mark.parametrize("keep", [1, 2, 3, 4])
def test_log_probability_of_a_set_is_the_sum_over_its_orders(keep: int) -> None:
    logits = torch.randn(5, generator=seeded(keep), dtype=torch.float64)
    kept = [4, 0, 2, 1][:keep]
    weights, expected = logits.exp().tolist(), 0.0
    for order in permutations(kept):
        probability, left = 1.0, sum(weights)
        for e in order:
            probability *= weights[e] / left
            left -= weights[e]
        expected += probability
    assert math.exp(log_probability_of_set(logits, kept)) == pytest.approx(expected, rel=1e-12)


def test_log_probabilities_of_reinforce_are_those_of_its_draws() -> None:
    sampler = Reinforce(DECISIONS[:1], seeded(5))
    with torch.no_grad():
        sampler.edges["pair"].copy_(torch.tensor([1.0, 0.0, -1.0]))
        sampler.operations["pair"].copy_(torch.randn(3, 3, generator=seeded(6)))
    every = Exhaustive(DECISIONS[:1], seeded(0))
    probability = {}
    for _ in range(every.count):
        (trial,) = every.ask()
        probability[repr(trial.choices)] = float(sampler.log_probability(trial).detach().exp())
    assert sum(probability.values()) == pytest.approx(1.0, abs=1e-5)
    draws = 4000
    counts = Counter(repr(sampler.ask()[0].choices) for _ in range(draws))
    for key, p in probability.items():
        deviation = math.sqrt(p * (1 - p) / draws)
        assert counts[key] / draws == pytest.approx(p, abs=5 * deviation + 1e-9)


def test_reinforce_steps_along_the_gradient_of_the_expected_score() -> None:
    """Averaged over all proposals, advantage · ∇ log p is minus the gradient of E[score]."""
    sampler = Reinforce(DECISIONS[:1], seeded(0))
    logits = sampler.edges["pair"]
    with torch.no_grad():
        logits.copy_(torch.tensor([0.5, -0.3, 0.1]))
    every = Exhaustive(DECISIONS[:1], seeded(0))
    proposals = every.ask(every.count)
    scores = torch.randn(len(proposals), generator=seeded(1)).tolist()
    terms = [sampler.log_probability(p) for p in proposals]
    expected = torch.stack([t.exp() * s for t, s in zip(terms, scores, strict=True)]).sum()
    (exact,) = torch.autograd.grad(expected, logits, retain_graph=True)
    averaged = torch.zeros(3)
    for term, score in zip(terms, scores, strict=True):
        (gradient,) = torch.autograd.grad(term, logits, retain_graph=True)
        averaged += term.detach().exp() * (2.0 - score) * gradient
    assert torch.allclose(averaged, -exact, atol=1e-5)


def test_children_of_evolution_differ_by_one_mutation() -> None:
    sampler = SAMPLERS["evolution"](DECISIONS, seeded(0), 3)
    members = ask_and_tell(sampler, lambda trial: float(-trial.number), 60)
    for position, child in enumerate(members[8:], start=8):
        differences = []
        for parent in members[position - 8 : position]:  # the oldest have died
            pairs = sum(
                len(set(child.choices[d.name]) - set(parent.choices[d.name])) for d in DECISIONS
            )
            differences.append(pairs + (child.offsets != parent.offsets))
        assert 1 in differences


@pytest.mark.parametrize("name", SAMPLERS)
def test_who_learns_comes_to_avoid_failures(name: str) -> None:
    decisions = (Decision("one", ("a",), ("w", "x", "y", "z"), (0, 0, 0, 0)),)

    def score(trial: Trial) -> float | None:
        return None if trial.choices["one"][0][1] in "xyz" else 1.0

    runs = [ask_and_tell(SAMPLERS[name](decisions, seeded(1), 2), score, 60) for _ in range(2)]
    assert runs[0] == runs[1]
    failed = [trial.state == "failed" for trial in runs[0]]
    assert 0 < sum(failed) < 60
    if name in LEARNING:
        assert sum(failed[30:]) < sum(failed[:30])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("evolution", {"population": 0}, "population is 0; it must be above 0"),
        ("amoebanet", {"identity": 1.5}, "identity is 1.5; it must be below 1"),
        ("gaussian_process", {"random": -1}, "random is -1; it must be 0 or more"),
        ("tpe", {"startup": 1.5}, "startup is 1.5, a float; it must be int"),
        ("reinforce", {"entropy_weight": -1.0}, "entropy_weight is -1.0; it must be 0 or more"),
    ],
)
def test_impossible_options_are_refused(name: str, options: dict, message: str) -> None:
    with pytest.raises(NaspError, match=message):
        SAMPLERS[name].Options(**options)


def test_amoebanet_repeats_one_parent_in_twenty() -> None:
    sampler = SAMPLERS["amoebanet"](DECISIONS, seeded(0))
    trials = ask_and_tell(sampler, lambda trial: float(trial.number), 1100)
    assert astuple(sampler.options) == (100, 25, 0.05)
    same = 0
    for position, child in enumerate(trials[100:], start=100):
        parents = [t.choices for t in trials[position - 100 : position]]
        same += child.choices in parents
    options = SAMPLERS["evolution"].Options(100, 25)
    without = SAMPLERS["evolution"](DECISIONS, seeded(0), 0, options)
    rivals = ask_and_tell(without, lambda trial: float(trial.number), 1100)
    by_chance = sum(
        child.choices in [t.choices for t in rivals[position : position + 100]]
        for position, child in enumerate(rivals[100:])
    )
    assert 25 <= same - by_chance <= 80


def test_a_population_of_two_has_children_from_the_third_trial_on() -> None:
    def members(population: int) -> list[Trial]:
        options = SAMPLERS["evolution"].Options(population=population)
        sampler = SAMPLERS["evolution"](DECISIONS, seeded(0), 0, options)
        return ask_and_tell(sampler, lambda trial: float(trial.number), 5)

    small, large = members(2), members(5)
    assert [t.choices for t in small[:2]] == [t.choices for t in large[:2]]
    parent = small[0]  # the best of two, and every tournament of six meets it
    changed = sum(
        len(set(small[2].choices[d.name]) - set(parent.choices[d.name])) for d in DECISIONS
    )
    assert changed == 1


def test_tpe_is_silent_and_leaves_the_log_level(capfd: pytest.CaptureFixture[str]) -> None:
    before = optuna.logging.get_verbosity()
    ask_and_tell(TPE(DECISIONS, seeded(0), 2), lambda trial: float(trial.number), 12)
    assert optuna.logging.get_verbosity() == before
    assert capfd.readouterr() == ("", "")
