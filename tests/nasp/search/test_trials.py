"""Trials are executed, stored and resumed, and a failed trial does not stop the search."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nasp.core.genotype import Genotype
from nasp.errors import Diverged, NaspError
from nasp.runs.context import RunContext
from nasp.runs.trial_store import TrialStore
from nasp.samplers import Trial
from nasp.samplers.random import Random
from nasp.search import TrainingResult
from nasp.search.executors import open_executor
from nasp.search.trials import TrialContext, best_trials, execute_trials, run_trials, train_trial
from nasp.testing import ToyCNN, ToyOptions, ToyTask

OPTIONS = ToyOptions(strategy="random", trials=4)


class Counted(ToyTask):
    """A task that records its trainings, and can fail."""

    def __init__(self, failing: dict[str, Exception] | None = None) -> None:
        super().__init__(ToyCNN, OPTIONS)
        self.failing, self.trained = failing or {}, list[str]()

    def train(
        self, origin: str, genotype: Genotype, seed: int, run: RunContext
    ) -> list[TrainingResult]:
        self.trained.append(origin)
        if origin in self.failing:
            raise self.failing[origin]
        return super().train(origin, genotype, seed, run)


def tried(
    task: Counted, run: RunContext, at_once: int = 1, executor: str = "serial"
) -> list[Trial]:
    sampler = Random(task.decisions(torch.Generator())[0], torch.Generator().manual_seed(1))
    with open_executor(executor, TrialContext(task, 7, run)) as opened:
        ended = run_trials(sampler, train_trial, 4, at_once, opened, run)
    return [
        replace(
            trial,
            seconds=0.0,
            histories={},
            metrics={k: v for k, v in trial.metrics.items() if not k.startswith("time/")},
        )
        for trial, _ in ended
    ]


def test_trials_end_with_scores_and_are_logged_by_their_numbers() -> None:
    logged = []
    run = RunContext(log=lambda metrics, step: logged.append((metrics["valid/loss"], step)))
    trials = tried(Counted(), run)
    assert [trial.state for trial in trials] == ["complete"] * 4
    assert [trial.score for trial in trials] == [t.metrics["valid/loss"] for t in trials]
    assert logged == [(trial.score, trial.number) for trial in trials]
    assert all(t.genotype is not None and t.genotype.choices == t.choices for t in trials)


def test_the_extra_of_the_best_alone_is_kept() -> None:
    task, run = Counted(), RunContext()
    asked = Random(task.decisions(torch.Generator())[0], torch.Generator()).ask(3)
    with open_executor("serial", TrialContext(task, 7, run)) as opened:
        ended = execute_trials(asked, train_trial, opened, run, 3)
    ((best, trained),) = best_trials(ended, 1)
    assert best.score == min(trial.score for trial, _ in ended)
    assert isinstance(trained, TrainingResult)
    assert trained.metrics["valid/loss"] == best.score
    assert [extra is not None for _, extra in ended] == [trial is best for trial, _ in ended]


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_search_goes_on_after_trials_that_failed(at_once: int) -> None:
    failing = {"trial 2": Diverged("the loss is nan"), "trial 4": MemoryError()}
    run = RunContext()
    with pytest.warns(UserWarning, match=r"trial [24] is left out"):
        trials = tried(Counted(failing), run, at_once)
    assert [trial.state for trial in trials] == ["complete", "failed", "complete", "failed"]
    assert trials[1].score == math.inf
    assert run.failed.keys() == failing.keys()
    assert run.failed["trial 2"] == "the loss is nan"
    assert "out of memory" in run.failed["trial 4"]


def test_only_if_all_trials_fail_the_search_does() -> None:
    failing = {f"trial {i}": Diverged(f"{i} diverged") for i in range(1, 5)}
    with (
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(NaspError, match="all 4 trials failed; the first: 1 diverged"),
    ):
        tried(Counted(failing), RunContext())


@pytest.mark.parametrize("error", [NaspError("batch_size"), OSError(28, "full"), KeyError("bug")])
def test_what_is_no_failure_of_a_trial_ends_the_search(error: Exception) -> None:
    with pytest.raises(type(error)):
        tried(Counted({"trial 2": error}), RunContext())


def test_what_has_ended_is_taken_from_its_file(tmp_path: Path) -> None:
    def run() -> RunContext:
        return RunContext(trials=TrialStore(tmp_path / "trials", {"seed": 7}))

    whole = tried(Counted(), RunContext())
    with pytest.raises(KeyboardInterrupt):
        tried(Counted({"trial 3": KeyboardInterrupt()}), run())  # type: ignore[dict-item]
    assert sorted(path.name for path in (tmp_path / "trials").iterdir()) == [
        "trial-1.json",
        "trial-2.json",
    ]
    resumed = Counted()
    assert tried(resumed, run()) == whole
    assert resumed.trained == ["trial 3", "trial 4"]
    again = Counted()
    assert tried(again, run()) == whole
    assert again.trained == []


def test_a_failure_is_not_tried_again(tmp_path: Path) -> None:
    for failing in ({"trial 2": Diverged("the loss is nan")}, {}):
        run = RunContext(trials=TrialStore(tmp_path, {}))
        with pytest.warns(UserWarning, match="trial 2 is left out: the loss is nan"):
            trials = tried(Counted(failing), run)
        assert trials[1].state == "failed"
        assert run.failed == {"trial 2": "the loss is nan"}


def test_a_file_is_written_once_and_read_as_it_was(tmp_path: Path) -> None:
    genotype = Genotype("toy", {"node": (("a", "x"),)})
    trial = Trial(2, {"node": (("a", "x"),)}, (0.1, -2.5), "trial")
    ended = replace(
        trial.completed(1.5, {"valid/loss": 1.5}),
        genotype=genotype,
        histories={"trial 3": [{"valid/loss": 1.5}]},
        seconds=3.25,
        failures={"way 1": "nan"},
    )
    store = TrialStore(tmp_path, {"seed": 1})
    store.put(ended)
    before = (tmp_path / "trial-3.json").read_bytes()
    store.put(ended.failed("later"))
    assert (tmp_path / "trial-3.json").read_bytes() == before
    assert TrialStore(tmp_path, {"seed": 1}).get("trial 3") == ended
    failed = Trial(4, kind="search").failed("nan")
    store.put(failed)
    assert TrialStore(tmp_path, {"seed": 1}).get("search 5") == failed
    assert store.get("trial 1") is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 99}, "trial version 99, this program reads 2"),
        ({"score": 0.0}, "damaged: remove it"),
        ({"state": "running"}, "damaged: remove it"),
        ({"genotype": [None]}, "damaged: remove it"),
        ({"histories": {"way 1": []}}, "damaged: remove it"),
        ({"histories": {"way 1": [{"valid/loss": 1.0}]}}, "damaged: remove it"),
        (None, "not a trial"),
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_refused(
    change: dict | None, message: str, tmp_path: Path
) -> None:
    from nasp.files.digest import KEY, with_digest

    TrialStore(tmp_path, {}).put(Trial(0, {"node": (("a", "x"),)}).completed(1.0))
    path = tmp_path / "trial-1.json"
    body = json.loads(path.read_text())
    if change is None:
        path.write_text(path.read_text()[:50])
    elif "score" in change:
        path.write_text(json.dumps({**body, **change}))
    else:
        del body[KEY]
        path.write_text(json.dumps(with_digest({**body, **change})))
    with pytest.raises(NaspError, match=message):
        TrialStore(tmp_path, {}).get("trial 1")


def test_trials_of_another_configuration_are_refused(tmp_path: Path) -> None:
    TrialStore(tmp_path, {"epochs": 3}).put(Trial(0, {}).completed(1.0))
    with pytest.raises(NaspError, match="of another configuration"):
        TrialStore(tmp_path, {"epochs": 4}).get("trial 1")


def test_a_score_that_is_no_number_is_a_failure() -> None:
    trial = Trial(0, {}).completed(math.nan)
    assert (trial.state, trial.score) == ("failed", math.inf)
    assert "its score is nan" in trial.reason


def test_a_trial_of_fewer_epochs_has_not_ended_and_one_of_more_is_refused(tmp_path: Path) -> None:
    TrialStore(tmp_path, {}, epochs=2).put(Trial(0, {}).completed(1.0))
    assert TrialStore(tmp_path, {}, epochs=4).get("trial 1") is None
    TrialStore(tmp_path, {}, epochs=4).put(Trial(0, {}).completed(0.5))
    stored = TrialStore(tmp_path, {}, epochs=4).get("trial 1")
    assert stored is not None
    assert stored.score == 0.5
    message = r"trial-1\.json: the trial is of 4 epochs, and epochs is now 3: give 4 or more"
    with pytest.raises(NaspError, match=message):
        TrialStore(tmp_path, {}, epochs=3).get("trial 1")
