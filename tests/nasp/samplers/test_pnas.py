"""Progressive search, and the predictor that ranks its children."""

import torch

from nasp.core.decision import Decision
from nasp.samplers import SAMPLERS, Trial
from nasp.samplers.predictor import fit_and_predict
from nasp.testing.samplers import ask_and_tell

DECISIONS = tuple(Decision(f"d{i}", ("a",), ("w", "x", "y", "z"), (0,) * 4) for i in range(4))


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def wrong(trial: Trial) -> float:
    return float(sum(pairs[0][1] != "y" for pairs in trial.choices.values()))


def test_a_level_changes_one_more_decision_of_the_start() -> None:
    sampler = SAMPLERS["pnas"](DECISIONS, seeded(0))
    trials = ask_and_tell(sampler, wrong, 14)
    first = trials[:4]  # all choices of the first decision, all else equal
    assert {t.choices["d0"][0][1] for t in first} == {"w", "x", "y", "z"}
    for name in ("d1", "d2", "d3"):
        assert len({t.choices[name] for t in first}) == 1
    for name in ("d2", "d3"):
        assert len({t.choices[name] for t in trials}) == 1
    assert len({t.choices["d1"] for t in trials}) > 1
    assert len({repr(t.choices) for t in trials}) == 14


def test_it_finds_the_best_of_256_within_a_pass() -> None:
    for seed in range(2):
        trials = ask_and_tell(SAMPLERS["pnas"](DECISIONS, seeded(seed)), wrong, 34)
        assert min(trial.score for trial in trials) == 0  # the chance of a random search is 0.13


def test_the_predictor_ranks_what_it_has_not_seen() -> None:
    features = torch.randint(2, (60, 8), generator=seeded(0)).double()
    targets = features @ torch.linspace(-1, 1, 8, dtype=torch.float64)
    predicted = fit_and_predict(features[:40], targets[:40], features[40:], seeded(1))
    correlation = torch.corrcoef(torch.stack([predicted.double(), targets[40:]]))[0, 1]
    assert float(correlation) > 0.9
    again = fit_and_predict(features[:40], targets[:40], features[40:], seeded(1))
    assert torch.equal(predicted, again)
