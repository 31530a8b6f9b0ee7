"""Whole searches of a task, with all strategies and executors."""

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nasp.core.genotype import Genotype
from nasp.core.relaxation import Relaxation
from nasp.errors import Diverged, NaspError
from nasp.metric import Metrics
from nasp.runs.checkpoint import Checkpoint
from nasp.runs.context import RunContext
from nasp.runs.trial_store import TrialStore
from nasp.samplers import SAMPLERS
from nasp.search import STRATEGIES, SearchResult, TrainingResult, run_search, train
from nasp.testing import ToyCNN, ToyOptions, ToyTask

SMALL = ToyOptions(epochs=3, warm_up=1, train_epochs=2, trials=3)
QUICK = replace(
    SMALL, strategy={"name": "nasp", "learning_rate": 0.1, "margin": 0.0}, restarts=3, finalists=2
)  # the cell changes in few epochs


def facts(found: SearchResult) -> tuple[Any, ...]:
    def timeless(histories: Any) -> Any:
        return {
            name: [{k: v for k, v in m.items() if not k.startswith("time/")} for m in history]
            for name, history in histories.items()
        }

    return found.genotype, timeless(found.searches), timeless(found.trainings)


def on_disk(folder: Path, epochs: int | None = None) -> RunContext:
    return RunContext(
        Checkpoint(folder / "checkpoint", {}, resume=True, epochs=epochs),
        trials=TrialStore(folder / "trials", epochs=epochs),
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_seed_fixes_what_is_found_whatever_runs_it(strategy: str, tmp_path: Path) -> None:
    options = replace(SMALL, strategy=strategy, restarts=2, finalists=1, trials_at_once=2)
    first = run_search(ToyTask(ToyCNN, options), 1, RunContext())
    assert facts(run_search(ToyTask(ToyCNN, options), 2, RunContext())) != facts(first)
    assert facts(run_search(ToyTask(ToyCNN, options), 1, on_disk(tmp_path))) == facts(first)
    again = run_search(ToyTask(ToyCNN, options), 1, on_disk(tmp_path))  # all from its files
    assert facts(again) == facts(first)
    assert again.searches == first.searches or again.seconds != first.seconds
    assert again.trained is not None and first.trained is not None
    for name, value in first.trained.state.items():
        assert value.equal(again.trained.state[name])


def test_a_prolonged_search_is_an_uninterrupted_one(tmp_path: Path) -> None:
    """Finalists are trained again if the search found another cell."""

    def found(folder: str, epochs: int) -> SearchResult:
        options = replace(QUICK, epochs=epochs)
        run = on_disk(tmp_path / folder, epochs)
        return run_search(ToyTask(ToyCNN, options), 1, run)

    for folder in ("prolonged", "whole"):
        (tmp_path / folder).mkdir()
    first = found("prolonged", 2)
    prolonged, whole = found("prolonged", 12), found("whole", 12)
    assert facts(prolonged) == facts(whole)
    assert prolonged.genotype != first.genotype
    assert prolonged.trained is not None and whole.trained is not None
    for name, value in whole.trained.state.items():
        assert value.equal(prolonged.trained.state[name])
    with pytest.raises(NaspError, match="of 12 epochs, and epochs is now 5: give 12 or more"):
        found("prolonged", 5)


@pytest.mark.parametrize("strategy", ["nasp", "evolution"])
def test_processes_find_what_one_process_does(strategy: str, tmp_path: Path) -> None:
    options = replace(SMALL, strategy=strategy, restarts=2, finalists=2, trials_at_once=2)
    alone = run_search(ToyTask(ToyCNN, options), 1, RunContext())
    run = on_disk(tmp_path)
    found = run_search(ToyTask(ToyCNN, options), 1, run, "processes:2")
    assert facts(found) == facts(alone)
    kinds = {path.name.partition("-")[0] for path in (tmp_path / "trials").iterdir()}
    assert kinds == ({"trial"} if strategy in SAMPLERS else {"search", "finalist"})


def test_finalists_are_the_best_searches_and_validation_chooses_again() -> None:
    options = replace(SMALL, restarts=4, finalists=2)
    found = run_search(ToyTask(ToyCNN, options), 1, RunContext())
    best = {
        name: min(m["valid/loss"] for m in history[options.warm_up :])
        for name, history in found.searches.items()
    }
    assert set(found.trainings) == set(sorted(best, key=lambda name: best[name])[:2])
    losses = [min(m["valid/loss"] for m in h) for h in found.trainings.values()]
    assert losses == sorted(losses)
    assert found.trained is not None
    assert found.trained.name == next(iter(found.trainings)) == next(iter(found.searches))
    assert found.metrics == found.trained.metrics
    assert found.trained.genotype == found.genotype


def test_without_finalists_the_best_search_is_the_answer() -> None:
    found = run_search(ToyTask(ToyCNN, SMALL), 1, RunContext())
    (history,) = found.searches.values()
    assert found.metrics["valid/loss"] == min(m["valid/loss"] for m in history[1:])
    assert (found.trainings, found.trained) == ({}, None)
    assert found.seconds.keys() == {"search"}
    last = run_search(ToyTask(ToyCNN, replace(SMALL, answer="last")), 1, RunContext())
    assert last.metrics == {**last.searches["search"][-1]}


def test_a_training_alone_is_its_own_answer() -> None:
    task = ToyTask(ToyCNN, SMALL)
    genotype = run_search(task, 1, RunContext()).genotype
    found = train(task, "cell", genotype, 1, RunContext())
    assert found.genotype == genotype
    assert found.trained is not None
    assert found.metrics == found.trained.history[found.trained.epoch]
    assert found.seconds.keys() == {"train"}


class SomeFail(ToyTask):
    """A task whose searches or trainings with some names diverge."""

    failing: tuple[str, ...] = ()

    def restart_generator(self, seed: int, restart: int) -> Any:
        if f"search {restart + 1}" in self.failing:
            raise Diverged("the loss is nan")
        return super().restart_generator(seed, restart)

    def train(
        self, origin: str, genotype: Genotype, seed: int, run: RunContext
    ) -> list[TrainingResult]:
        if f"train {origin}" in self.failing:
            raise Diverged("the loss is inf")
        return super().train(origin, genotype, seed, run)


def test_a_search_that_diverges_is_one_less() -> None:
    task = SomeFail(ToyCNN, replace(SMALL, restarts=3, finalists=2))
    task.failing = ("search 2",)
    run = RunContext()
    with pytest.warns(UserWarning, match="search 2 is left out: the loss is nan"):
        found = run_search(task, 1, run)
    assert found.searches.keys() == {"search 1", "search 3"}
    assert run.failed == {"search 2": "the loss is nan"}
    task.failing = ("search 1", "search 2", "search 3")
    with (
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(NaspError, match="all 3 searches failed; the first: the loss is nan"),
    ):
        run_search(task, 1, RunContext())


def test_the_error_of_the_only_search_is_its_own() -> None:
    task = SomeFail(ToyCNN, SMALL)
    task.failing = ("search 1",)
    with pytest.raises(Diverged, match=r"^the loss is nan$"):
        run_search(task, 1, RunContext())


def test_finalists_that_diverge_leave_the_others() -> None:
    task = SomeFail(ToyCNN, replace(SMALL, restarts=2, finalists=2))
    task.failing = ("train search 1",)
    with pytest.warns(UserWarning, match=r"finalist \d is left out: the loss is inf"):
        found = run_search(task, 1, RunContext())
    assert found.trainings.keys() == {"search 2"}


def test_searches_side_by_side_have_curves_of_their_own() -> None:
    parts: dict[str, list[int]] = {}
    own: list[tuple[Metrics, int]] = []

    def part(name: str) -> Any:
        return lambda metrics, step: parts.setdefault(name, []).append(step)

    def log(metrics: Any, step: int) -> None:
        own.append((dict(metrics), step))

    run_search(ToyTask(ToyCNN, replace(SMALL, restarts=2)), 1, RunContext(log=log, part=part))
    assert {name: sorted(set(steps)) for name, steps in parts.items()} == {
        "search 1": [0, 1, 2],
        "search 2": [0, 1, 2],
    }
    assert own == []
    run_search(ToyTask(ToyCNN, SMALL), 1, RunContext(log=log, part=part))
    assert {step for _, step in own} == {0, 1, 2}
    names = set(own[0][0])
    assert {"time/weights_s", "time/architecture_s", "arch/change", "arch/flips"} <= names
    assert not any(
        name.count("/") > 1 for name in names
    )  # 15 weights `A` are too many to be logged


@pytest.mark.parametrize("strategy", ["nasp", "darts"])
def test_a_warm_up_trains_all_candidates_evenly(strategy: str) -> None:
    drawn: Counter[Any] = Counter()

    class Seen(ToyTask):
        def warm_up_relaxation(self, *given: Any) -> Relaxation:
            relaxation = super().warm_up_relaxation(*given)
            for name, active in relaxation.active.items():
                drawn.update((name, *choice) for choice in active)
            return relaxation

    options = replace(SMALL, strategy=strategy, warm_up=2, steps=150)
    run_search(Seen(ToyCNN, options), 1, RunContext())
    assert len(drawn) == 6 + 9  # candidates of both nodes
    expected = {"darts": {"node0": 300, "node1": 300}, "nasp": {"node0": 100, "node1": 67}}
    for (name, *_), count in drawn.items():
        assert abs(count - expected[strategy][name]) < (30 if strategy == "nasp" else 1)


def test_the_epoch_is_the_best_of_a_discrete_search_and_the_last_of_a_mixture() -> None:
    for strategy, seed in itertools.product(("nasp", "darts"), range(1, 5)):
        options = replace(SMALL, strategy=strategy, epochs=5, steps=8)
        found = run_search(ToyTask(ToyCNN, options), seed, RunContext())
        history = found.searches["search"]
        best = min(history[1:], key=lambda metrics: metrics["valid/loss"])
        assert found.metrics == (best if strategy == "nasp" else history[-1])
        if strategy == "darts" and best is not history[-1]:
            break
    else:
        raise AssertionError("no seed tells best and last apart")


def test_batch_norms_are_evaluated_with_statistics_of_the_path() -> None:
    """Those of the last training batches, whatever paths the running statistics saw before."""

    class Disturbed(ToyTask):
        disturb = False

        def validate(self, space: Any, relaxation: Any) -> Metrics:
            metrics = super().validate(space, relaxation)
            if self.disturb:
                space.norm.running_mean.fill_(100.0)
            return metrics

    def history(disturb: bool) -> Any:
        task = Disturbed(ToyCNN, SMALL)
        task.disturb = disturb
        return facts(run_search(task, 1, RunContext()))

    assert history(True) == history(False)


def test_the_records_of_a_search_say_how_it_moves() -> None:
    def history(strategy: Any, **more: Any) -> list[Metrics]:
        options = replace(SMALL, strategy=strategy, epochs=4, warm_up=2, **more)
        (found,) = run_search(ToyTask(ToyCNN, options), 1, RunContext()).searches.values()
        return list(found)

    fast = history({"name": "nasp", "learning_rate": 0.3, "scale": "weight", "margin": 0.0})
    for warm in fast[:2]:
        assert (warm["arch/change"], warm["arch/flips"]) == (0.0, 0.0)
        assert warm["time/architecture_s"] == 0.0
        assert warm["time/weights_s"] > 0
    assert all(epoch["arch/change"] > 0.1 for epoch in fast[2:])
    assert all(epoch["time/architecture_s"] > 0 for epoch in fast[2:])
    assert sum(epoch["arch/flips"] for epoch in fast) >= 1
    assert not any("relaxed/loss" in epoch for epoch in fast)  # what it trains is discrete
    gaps = [e["valid/loss"] - e["relaxed/loss"] for e in history("darts")]
    assert all(abs(gap) > 1e-4 for gap in gaps)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"warm_up": 3}, "warm_up is 3; it must be below epochs, which is 3"),
        ({"strategy": "nsap"}, "unknown strategy 'nsap'.*did you mean 'nasp'"),
        ({"strategy": {"eta": 1.0}}, "give a name, or a mapping of name and options"),
        ({"trials_at_once": 0}, "trials_at_once is 0; it must be above 0"),
        ({"finalists": -1}, "finalists is -1; it must be 0 or more"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(NaspError, match=message):
        replace(SMALL, **options)


def test_an_option_that_the_strategy_does_not_have_is_refused() -> None:
    task = ToyTask(ToyCNN, replace(SMALL, strategy={"name": "darts", "eta": 0.1}))
    with pytest.raises(NaspError, match="eta"):
        run_search(task, 1, RunContext())
