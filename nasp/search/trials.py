"""Execution of trials by an executor, with a store of those that have ended."""

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nasp.core.genotype import Genotype
from nasp.core.limit import Limit
from nasp.errors import Diverged, NaspError, one_line
from nasp.runs.context import RunContext
from nasp.samplers import Sampler, Trial
from nasp.samplers.limits import ask_within
from nasp.search.executors import Executor, JobResult
from nasp.search.task import Task, TrainingResult

PLURALS = {"search": "searches", "finalist": "finalists", "trial": "trials"}


@dataclass(frozen=True)
class TrialContext:
    """The objects that all trials of a search share.

    Attributes:
        task: The task, with its data and options.
        seed: Determines all random numbers.
        run: Checkpoint, progress and log. In another process it is silent.
    """

    task: Task
    seed: int
    run: RunContext


Job = Callable[[TrialContext, Trial], tuple[Trial, Any]]
"""Executes a trial, and returns it with its score, and an extra result such as the network."""


def execute_trials(
    trials: Sequence[Trial],
    job: Job,
    executor: Executor[TrialContext],
    run: RunContext,
    among: int,
    keep: int = 1,
) -> list[tuple[Trial, Any]]:
    """Execute the trials that are not on file. A failed trial is recorded, and the others continue.

    Args:
        trials: The trials, with distinct names.
        job: A module-level function; see `Job`.
        executor: Runs the jobs.
        run: Its store gets each trial that ends.
        among: Total number of trials of this kind. If it is 1, a failure raises its error.
        keep: Number of trials, the best ones, whose extra results are kept.

    Returns:
        The ended trials in the same order, each with the extra result of its job. Only the best
        trials have one, unless they were on file; the others have None.

    Raises:
        Diverged: The only trial of its kind diverged.
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
    return _with_the_best_alone([ended[trial.name] for trial in trials], keep)


def best_trials(ended: Sequence[tuple[Trial, Any]], count: int) -> list[tuple[Trial, Any]]:
    """Return the complete trials with the smallest scores and their extra results, best first."""
    complete = [one for one in ended if one[0].state == "complete"]
    return sorted(complete, key=lambda one: one[0].score)[:count]


def _with_the_best_alone(ended: Sequence[tuple[Trial, Any]], keep: int) -> list[tuple[Trial, Any]]:
    """Drop all extra results but those of the best trials, because networks need much memory."""
    best = {trial.name for trial, _ in best_trials(ended, keep)}
    return [(trial, extra if trial.name in best else None) for trial, extra in ended]


def _ended(trial: Trial, result: JobResult) -> tuple[Trial, Any]:
    """Return the ended trial of a job's result, or raise an error that is not a divergence."""
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
    limits: Sequence[Limit] = (),
    keep: int = 1,
) -> list[tuple[Trial, Any]]:
    """Ask a sampler for trials, execute them, and tell it their scores.

    A resumed search asks for the same trials again, and reads those that have ended from the store.

    Args:
        sampler: Proposes architectures.
        job: See `Job`.
        count: Number of trials.
        at_once: Number of trials that are asked for before their results are told. It is ignored
            if the sampler does not learn: then all trials are asked for at once.
        executor: Runs the jobs.
        run: See `execute_trials`. The metrics of each trial are logged; the step is its number.
        limits: Limits that each trial keeps.
        keep: See `execute_trials`.

    Returns:
        See `execute_trials`.

    Raises:
        NaspError: All trials failed.
    """
    ended: list[tuple[Trial, Any]] = []
    while len(ended) < count:
        size = min(at_once if sampler.learns else count, count - len(ended))
        asked = ask_within(limits, sampler, size)
        batch = execute_trials(asked, job, executor, run, count, keep)
        for trial, _ in batch:
            sampler.tell(trial)
            run.log(trial.metrics, trial.number)
        ended = _with_the_best_alone([*ended, *batch], keep)
    check_some_completed([trial for trial, _ in ended])
    return ended


def check_some_completed(trials: Sequence[Trial]) -> None:
    """Check that at least one trial is complete.

    Raises:
        NaspError: All trials failed; the message has the reason of the first.
    """
    if all(trial.state != "complete" for trial in trials):
        first = trials[0]
        raise NaspError(
            f"all {len(trials)} {PLURALS[first.kind]} failed; the first: {first.reason}"
        )


def train_trial(shared: TrialContext, trial: Trial) -> tuple[Trial, TrainingResult]:
    """Train a trial's architecture alone; a job for an executor."""
    return _trained(shared, trial, shared.task.train)


def refine_trial(shared: TrialContext, trial: Trial) -> tuple[Trial, TrainingResult]:
    """Train a trial's architecture in further ways; a job for an executor."""
    return _trained(shared, trial, shared.task.refine)


def _trained(
    shared: TrialContext,
    trial: Trial,
    train: Callable[[str, Genotype, int, RunContext], list[TrainingResult]],
) -> tuple[Trial, TrainingResult]:
    task, start = shared.task, time.perf_counter()
    genotype = trial.genotype or task.genotype(trial, shared.seed)
    run = replace(
        shared.run, log=lambda metrics, step: None, failed={}, architecture=genotype.to_json()
    )
    trained = train(trial.origin or trial.name, genotype, shared.seed, run)
    best = min(trained, key=lambda one: task.monitor.as_loss(one.metrics[task.monitor.name]))
    ended = replace(
        trial.completed(task.monitor.as_loss(best.metrics[task.monitor.name]), best.metrics),
        genotype=best.genotype,
        histories={one.name: one.history for one in trained},
        seconds=time.perf_counter() - start,
        failures=run.failed,
    )
    return ended, best
