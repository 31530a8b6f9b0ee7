"""What searches found: the best epoch, or the best trial."""

from collections.abc import Mapping

import pytest

from nasp.core.decision import Decision
from nasp.core.genotype import Genotype
from nasp.errors import Diverged, NaspError
from nasp.metric import Metrics
from nasp.runs.context import Run
from nasp.samplers.base import Random
from nasp.search.trials import by_trials, of_search, without_weights
from nasp.training.loop import Outcome
from nasp.training.seeding import generator

DECISIONS = (Decision("node", ("a", "b"), ("x", "y", "z"), (0, 0, 0)),)


def test_a_search_found_its_best_epoch() -> None:
    genotype = Genotype("toy", {"node": (("a", "x"),)})
    history = [{"valid/loss": 3.0}, {"valid/loss": 1.0}, {"valid/loss": 2.0}]
    found = of_search(Outcome(history, 1, genotype.to_json()))
    assert (found.genotype, found.metrics) == (genotype, {"valid/loss": 1.0})
    assert found.histories == {"search": history}


def test_the_trial_of_the_smallest_score_is_found_and_each_is_logged_once() -> None:
    accuracies, asked, logged = [0.3, 0.7, 0.7], [], []

    def train(name: str, genotype: Genotype, run: Run) -> tuple[Metrics, list[Metrics]]:
        metrics = {"valid/accuracy": accuracies[len(asked)]}
        asked.append((name, genotype))
        run.log(metrics, 99)
        return metrics, [{"valid/accuracy": 0.0}, metrics]

    def log(metrics: Mapping[str, float], step: int) -> None:
        logged.append((dict(metrics), step))

    sampler = Random(DECISIONS, generator(1, "trials"))
    found = by_trials("toy", sampler, train, lambda m: -m["valid/accuracy"], 3, Run(log=log))
    names = ["trial 1 of 3", "trial 2 of 3", "trial 3 of 3"]
    assert [name for name, _ in asked] == names == list(found.histories)
    again = Random(DECISIONS, generator(1, "trials"))
    assert [g.choices for _, g in asked] == [again.ask().choices for _ in names]
    assert found.genotype == asked[1][1]
    assert found.genotype.space == "toy"
    assert found.metrics == {"valid/accuracy": 0.7}
    assert found.histories["trial 1 of 3"] == [{"valid/accuracy": 0.0}, {"valid/accuracy": 0.3}]
    assert logged == [({"valid/accuracy": a}, step) for step, a in enumerate(accuracies)]


def test_a_score_that_is_not_finite_is_named() -> None:
    sampler = Random(DECISIONS, generator(1, "trials"))
    with pytest.raises(NaspError, match=r"all 2 trials failed; .*: trial 1 has the score nan"):
        by_trials("toy", sampler, lambda *_: ({}, []), lambda _: float("nan"), 2, Run())


def test_a_search_goes_on_after_a_trial_that_diverged() -> None:
    losses = iter([None, 2.0, 1.0, None])

    def train(name: str, genotype: Genotype, run: Run) -> tuple[Metrics, list[Metrics]]:
        loss = next(losses)
        if loss is None:
            raise Diverged("the loss is nan")
        metrics = {"valid/loss": loss}
        return metrics, [metrics]

    run, asked = Run(), Random(DECISIONS, generator(1, "trials"))
    sampler = Random(DECISIONS, generator(1, "trials"))
    with pytest.warns(UserWarning, match="trial [14] of 4 is left out: the loss is nan"):
        found = by_trials("toy", sampler, train, lambda m: m["valid/loss"], 4, run)
    assert found.metrics == {"valid/loss": 1.0}
    assert found.genotype.choices == [asked.ask().choices for _ in range(3)][2]
    assert list(found.histories) == ["trial 2 of 4", "trial 3 of 4"]
    assert run.failed == dict.fromkeys(("trial 1 of 4", "trial 4 of 4"), "the loss is nan")


def test_a_log_without_weights_has_all_else() -> None:
    logged: list[tuple[Metrics, int]] = []
    run = Run(log=lambda metrics, step: logged.append((dict(metrics), step)))
    quieter = without_weights(run)
    quieter.log({"valid/loss": 1.0, "arch/node/a/x": 0.5, "train/loss": 2.0}, 4)
    assert logged == [({"valid/loss": 1.0, "train/loss": 2.0}, 4)]
    assert quieter.checkpoint is run.checkpoint
