"""What each sampler promises beyond the contract: who learns, learns; who counts, counts."""

import math
from collections import Counter
from itertools import permutations

import optuna
import pytest
import torch

from nasp.core.decision import Decision
from nasp.errors import Diverged, NaspError
from nasp.samplers import SAMPLERS, Proposal
from nasp.samplers.exhaustive import Exhaustive
from nasp.samplers.reinforce import Reinforce, log_probability_of_set
from nasp.samplers.tpe import TPE
from nasp.search.one_shot import run_trials

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
    """Whether one of the trials is the target, when a score counts what differs from it."""
    target = SAMPLERS["random"](DECISIONS, seeded(100 + seed)).ask().choices

    def score(position: int, proposal: Proposal) -> float:
        pairs = {d.name: set(proposal.choices[d.name]) for d in DECISIONS}
        edges = sum(
            len(dict(target[d.name]).keys() - dict(proposal.choices[d.name])) for d in DECISIONS
        )
        return edges + sum(len(set(target[d.name]) - pairs[d.name]) for d in DECISIONS)

    results = run_trials(SAMPLERS[name](DECISIONS, seeded(seed)), score, TRIALS)
    return min(score for score, _ in results) == 0


@pytest.mark.parametrize("name", LEARNING)
def test_it_finds_the_best_more_often_than_random(name: str) -> None:
    found = {which: sum(found_best(which, s) for s in SEEDS) for which in (name, "random")}
    assert Exhaustive(DECISIONS, seeded(0)).count == 27 * 16 * 5
    assert found[name] >= 4  # by chance less than once in 500
    assert found["random"] <= 2


@pytest.mark.parametrize("name", LEARNING)
def test_it_learns_the_continuous_architecture(name: str) -> None:
    decisions = (Decision("only", ("a",), ("x",), (0,)),)

    def score(position: int, proposal: Proposal) -> float:
        return sum((offset - 0.15) ** 2 for offset in proposal.offsets)

    first, last = 0.0, 0.0
    for seed in range(4):
        results = run_trials(SAMPLERS[name](decisions, seeded(seed), 4), score, 80)
        scores = [score for score, _ in results]
        first, last = first + sum(scores[:8]), last + sum(scores[-8:])
    assert last < 0.8 * first


@pytest.mark.parametrize("name", ["random", "exhaustive"])
def test_without_learning_the_space_draws_the_continuous_architecture(name: str) -> None:
    assert SAMPLERS[name](DECISIONS, seeded(0), 4).ask().offsets == ()


def test_exhaustive_visits_each_once_and_then_begins_again() -> None:
    sampler = Exhaustive(DECISIONS[:2], seeded(3))
    assert sampler.count == 432
    rounds = [[repr(sampler.ask().choices) for _ in range(432)] for _ in range(2)]
    assert len(set(rounds[0])) == 432
    assert set(rounds[0]) == set(rounds[1])
    assert rounds[0] != rounds[1]


def test_exhaustive_order_is_uniform() -> None:
    decisions = (Decision("one", ("a",), ("x", "y", "z"), (0, 0, 0)),)
    generator = seeded(0)
    orders: Counter[str] = Counter()
    for _ in range(1200):
        sampler = Exhaustive(decisions, generator)
        orders["".join(sampler.ask().choices["one"][0][1] for _ in range(3))] += 1
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
    assert len({repr(sampler.ask().choices) for _ in range(200)}) == 200


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
        proposal = every.ask()
        probability[repr(proposal)] = float(sampler.log_probability(proposal).detach().exp())
    assert sum(probability.values()) == pytest.approx(1.0, abs=1e-5)
    draws = 4000
    counts = Counter(repr(sampler.ask()) for _ in range(draws))
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
    proposals = [every.ask() for _ in range(every.count)]
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
    results = run_trials(sampler, lambda position, proposal: float(-position), 60)
    members = [proposal for _, proposal in results]
    for position, child in enumerate(members[8:], start=8):
        differences = []
        for parent in members[position - 8 : position]:  # the oldest have died
            pairs = sum(
                len(set(child.choices[d.name]) - set(parent.choices[d.name])) for d in DECISIONS
            )
            differences.append(pairs + (child.offsets != parent.offsets))
        assert 1 in differences


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_search_goes_on_after_failed_trials(name: str) -> None:
    """The same failures make the same search; who learns comes to avoid them."""
    decisions = (Decision("one", ("a",), ("w", "x", "y", "z"), (0, 0, 0, 0)),)

    def score(position: int, proposal: Proposal) -> float:
        if (kind := proposal.choices["one"][0][1]) in "xyz":
            raise Diverged(f"{kind} diverges")
        return 1.0

    runs = [run_trials(SAMPLERS[name](decisions, seeded(1), 2), score, 60) for _ in range(2)]
    assert runs[0] == runs[1]
    failed = [score == math.inf for score, _ in runs[0]]
    assert 0 < sum(failed) < 60
    if name in LEARNING:
        assert sum(failed[30:]) < sum(failed[:30])


@pytest.mark.parametrize("name", SAMPLERS)
def test_only_if_all_trials_fail_the_search_does(name: str) -> None:
    def score(position: int, proposal: Proposal) -> float:
        raise Diverged(f"trial {position + 1} diverged")

    with pytest.raises(NaspError, match="all 12 trials failed; the first: trial 1 diverged"):
        run_trials(SAMPLERS[name](DECISIONS, seeded(1), 2), score, 12)


def test_tpe_is_silent_and_leaves_the_log_level(capfd: pytest.CaptureFixture[str]) -> None:
    before = optuna.logging.get_verbosity()
    run_trials(TPE(DECISIONS, seeded(0), 2), lambda position, proposal: float(position), 12)
    assert optuna.logging.get_verbosity() == before
    assert capfd.readouterr() == ("", "")
