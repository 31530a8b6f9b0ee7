"""Trials: whatever is trained in many variants, side by side or one after the other."""

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nasp.errors import Diverged, NaspError, one_line
from nasp.runs.context import RunContext
from nasp.samplers import Sampler, Trial
from nasp.search.executors import Executor, JobResult
from nasp.search.task import Task, TrainingResult

PLURALS = {"search": "searches", "finalist": "finalists", "trial": "trials"}


@dataclass(frozen=True)
class TrialContext:
    """What all trials of a search share.

    Attributes:
        task: What is trained, on what data.
        seed: Fixes everything that is drawn at random.
        run: Checkpoint, progress and log; silent in another process.
    """

    task: Task
    seed: int
    run: RunContext


Job = Callable[[TrialContext, Trial], tuple[Trial, Any]]
"""Carries out a trial: returns it with its score, and what else is wanted of it."""


def execute_trials(
    trials: Sequence[Trial], job: Job, executor: Executor[TrialContext], run: RunContext, among: int
) -> list[tuple[Trial, Any]]:
    """Carry out trials that are not on file; a failed one is recorded, and the others go on.

    Args:
        trials: What to try, each of another name.
        job: A module-level function; see `Job`.
        executor: Runs the jobs.
        run: Its store gets each trial as it ends.
        among: How many of their kind there are in all. The error of the only one is raised.

    Returns:
        The trials as they ended, in their order, and what else the job of the best returned: None
        for the others, and if the best was on file.

    Raises:
        Diverged: The only one of its kind did.
    """
    ended: dict[str, tuple[Trial, Any]] = {}
    for trial in trials:
        stored = run.trials.get(trial.name)
        if stored is None:
            executor.submit(trial, job, trial)
        else:
            ended[trial.name] = stored, None
    for trial, result in executor.results():
        if among == 1:
            result.value()
        ended[trial.name] = done = _ended(trial, result)
        run.trials.put(done[0])
    for trial in trials:
        final = ended[trial.name][0]
        reasons = {trial.name: final.reason} if final.state != "complete" else final.failures
        for name, reason in reasons.items():
            if name not in run.failed:
                run.failed[name] = reason
                warnings.warn(f"{name} is left out: {reason}", stacklevel=2)
    return _with_the_best_alone([ended[trial.name] for trial in trials])


def best_trial(ended: Sequence[tuple[Trial, Any]]) -> tuple[Trial, Any]:
    """The one with the smallest score, the first of equals."""
    return min(ended, key=lambda one: one[0].score)


def _with_the_best_alone(ended: Sequence[tuple[Trial, Any]]) -> list[tuple[Trial, Any]]:
    """The same, with the extra of the best only: networks of all would fill the memory."""
    best, extra = best_trial(ended)
    return [(trial, extra if trial is best else None) for trial, _ in ended]


def _ended(trial: Trial, result: JobResult) -> tuple[Trial, Any]:
    """How a trial ended; an error of the program, or of the options, is raised."""
    error = result.error
    if error is None:
        done: tuple[Trial, Any] = result.returned
        return done
    if isinstance(error, Diverged):
        return trial.failed(error.reason), None
    if isinstance(error, NaspError | OSError) or (reason := one_line(error)) is None:
        raise error
    return trial.failed(reason), None


def run_trials(
    sampler: Sampler,
    job: Job,
    count: int,
    at_once: int,
    executor: Executor[TrialContext],
    run: RunContext,
) -> list[tuple[Trial, Any]]:
    """Ask a sampler for architectures, carry them out, and tell it how they ended.

    A resumed search asks for the same architectures again, and takes from the store what has ended.

    Args:
        sampler: Proposes architectures.
        job: See `Job`.
        count: Number of trials.
        at_once: How many are asked for before their results are told. All that do not matter to
            each other run at once if the sampler does not learn.
        executor: Runs the jobs.
        run: See `execute_trials`; it logs the metrics of each trial, whose number is the step.

    Returns:
        See `execute_trials`.

    Raises:
        NaspError: All trials failed.
    """
    ended: list[tuple[Trial, Any]] = []
    while len(ended) < count:
        size = min(at_once if sampler.learns else count, count - len(ended))
        batch = execute_trials(sampler.ask(size), job, executor, run, count)
        for trial, _ in batch:
            sampler.tell(trial)
            run.log(trial.metrics, trial.number)
        ended = _with_the_best_alone([*ended, *batch])
    check_some_completed([trial for trial, _ in ended])
    return ended


def check_some_completed(trials: Sequence[Trial]) -> None:
    """Check that not all trials failed.

    Raises:
        NaspError: They did; the message has the reason of the first.
    """
    if all(trial.state != "complete" for trial in trials):
        first = trials[0]
        raise NaspError(
            f"all {len(trials)} {PLURALS[first.kind]} failed; the first: {first.reason}"
        )


def train_trial(shared: TrialContext, trial: Trial) -> tuple[Trial, TrainingResult]:
    """The job that trains an architecture alone."""
    task, start = shared.task, time.perf_counter()
    genotype = trial.genotype or task.genotype(trial, shared.seed)
    run = replace(shared.run, log=lambda metrics, step: None, failed={})
    trained = task.train(trial.origin or trial.name, genotype, shared.seed, run)
    best = min(trained, key=lambda one: task.monitor.as_loss(one.metrics[task.monitor.name]))
    ended = replace(
        trial.completed(task.monitor.as_loss(best.metrics[task.monitor.name]), best.metrics),
        genotype=best.genotype,
        histories={one.name: one.history for one in trained},
        seconds=time.perf_counter() - start,
        failures=run.failed,
    )
    return ended, best
