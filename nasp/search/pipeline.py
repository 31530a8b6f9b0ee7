"""The whole search of a task: searches on shared weights and their finalists, or trials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nasp.core.decision import is_weight
from nasp.core.genotype import Genotype
from nasp.errors import Diverged
from nasp.metric import Metric, Metrics
from nasp.registry import class_and_options
from nasp.runs.context import Log, RunContext
from nasp.samplers import Trial
from nasp.search import one_shot
from nasp.search.executors import Executor, open_executor
from nasp.search.task import Task, TrainingResult
from nasp.search.trials import (
    TrialContext,
    best_trials,
    check_some_completed,
    execute_trials,
    refine_trial,
    run_trials,
    train_trial,
)
from nasp.training.loop import total_seconds
from nasp.training.seeding import generator

FEW = 10  # more weights `A` than this are not tracked, to keep the tracker's pages readable


@dataclass(frozen=True)
class SearchResult:
    """The outcome of a search, or of a stand-alone training.

    Attributes:
        genotype: The architecture.
        metrics: The metrics of the epoch that validation selected.
        searches: Metrics of each epoch of the searches on shared weights, by their names. The
            search that found the architecture comes first.
        trainings: Metrics of each epoch of the stand-alone trainings, by their names, best first.
        best: The best stand-alone trainings, best first, as many as the task keeps.
        refitted: Repetitions of those of the answer, on training and validation data together.
    """

    genotype: Genotype
    metrics: Metrics
    searches: Mapping[str, Sequence[Metrics]]
    trainings: Mapping[str, Sequence[Metrics]]
    best: Sequence[TrainingResult] = ()
    refitted: Sequence[TrainingResult] = ()

    @property
    def trained(self) -> TrainingResult | None:
        """The best stand-alone training; None if there was none."""
        return self.best[0] if self.best else None

    @property
    def seconds(self) -> dict[str, float]:
        """Wall time of the searches, of the trainings and of the refit, if there were any."""
        refit = {one.name: one.history for one in self.refitted}
        parts = {"search": self.searches, "train": self.trainings, "refit": refit}
        return {name: total_seconds(part.values()) for name, part in parts.items() if part}


def run_search(task: Task, seed: int, run: RunContext, executor: str = "serial") -> SearchResult:
    """Search for an architecture, and select it by validation.

    Args:
        task: The task; its options are `nasp.search.SearchOptions`.
        seed: Determines all random numbers.
        run: Checkpoint, progress and log.
        executor: The value of `--executor`. The result does not depend on it.

    Raises:
        NaspError: All searches or all trainings failed. If only some did, `run.failed` says why.
    """
    task.prepare(run)
    gpus = 1 if task.device.type == "cuda" else 0
    with open_executor(executor, TrialContext(task, seed, run), gpus) as opened:
        by = _by_searches if task.options.one_shot else _by_trials
        return _refitted(task, by(task, seed, opened, run), seed, run)


def train(task: Task, origin: str, genotype: Genotype, seed: int, run: RunContext) -> SearchResult:
    """Train one architecture alone, and keep the best of its trainings; see `Task.train`."""
    trained = task.train(origin, genotype, seed, run)
    try:
        for refinable in task.refinable([(genotype, 0.0)]):
            trained += task.refine(origin, refinable, seed, run)
    except Diverged as error:
        run.failed["refinement"] = error.reason
    monitor = task.monitor
    trained.sort(key=lambda one: monitor.as_loss(one.metrics.get(monitor.name, 0.0)))
    trainings = {one.name: one.history for one in trained}
    best = trained[: task.kept]
    found = SearchResult(genotype, best[0].metrics, {}, trainings, best)
    return _refitted(task, found, seed, run)


def _by_searches(
    task: Task, seed: int, executor: Executor[TrialContext], run: RunContext
) -> SearchResult:
    options = task.options
    asked = [Trial(restart, kind="search") for restart in range(options.restarts)]
    searches = [trial for trial, _ in execute_trials(asked, _search, executor, run, len(asked))]
    check_some_completed(searches)
    for trial in searches:
        for name, history in trial.histories.items():
            log = _search_log(run, name, options)
            for position, metrics in enumerate(history):
                log(metrics, position)
    ranked = sorted((s for s in searches if s.state == "complete"), key=lambda s: s.score)
    best, trained, trainings = ranked[0], list[TrainingResult](), dict[str, Sequence[Metrics]]()
    if options.finalists:
        finalists = [
            Trial(number, kind="finalist", genotype=search.genotype, origin=search.name)
            for number, search in enumerate(_distinct(ranked)[: options.finalists])
        ]
        rivals = _known(task, [finalist.genotype for finalist in finalists])
        together = [*finalists, *rivals]
        ended = execute_trials(together, train_trial, executor, run, len(together), task.kept)
        best, trained, trainings = _best(task, ended, executor, run)
    first = best.origin or best.name
    ranked.sort(key=lambda search: search.name != first)
    histories = {name: h for search in ranked for name, h in search.histories.items()}
    assert best.genotype is not None  # a complete trial has one
    return SearchResult(best.genotype, best.metrics, histories, trainings, trained)


def _distinct(ranked: Sequence[Trial]) -> list[Trial]:
    """Return the first trial of each architecture."""
    first: list[Trial] = []
    for trial in ranked:
        if all(trial.genotype != other.genotype for other in first):
            first.append(trial)
    return first


def _known(task: Task, found: Sequence[Genotype | None]) -> list[Trial]:
    """Return trials of the known architectures that are not among those found."""
    rivals = ((name, g) for name, g in task.known().items() if g not in found)
    return [
        Trial(number, kind="known", genotype=genotype, origin=name)
        for number, (name, genotype) in enumerate(rivals)
    ]


def _search(shared: TrialContext, trial: Trial) -> tuple[Trial, None]:
    """Run one search on shared weights; a job for an executor."""
    task, options = shared.task, shared.task.options
    name = trial.name if options.restarts > 1 else "search"
    run = replace(shared.run, log=_search_log(shared.run, name, options))
    phase = f"{name} of {options.restarts}" if options.restarts > 1 else name
    outcome = one_shot.one_shot_search(phase, task, trial.number, shared.seed, run)
    genotype, metrics = one_shot.final_genotype(outcome)
    ended = trial.completed(task.monitor.as_loss(metrics[task.monitor.name]), metrics)
    histories = {name: outcome.history}
    return replace(
        ended, genotype=genotype, histories=histories, seconds=total_seconds(histories.values())
    ), None


def _search_log(run: RunContext, name: str, options: Any) -> Log:
    """Return the log of a search: a nested one if several trainings are logged, else the run's."""
    log = run.part(name) if options.restarts > 1 or options.finalists else run.log

    def logged(metrics: Mapping[str, float], step: int) -> None:
        weights = [key for key in metrics if is_weight(key)]
        few = len(weights) <= FEW
        log({k: v for k, v in metrics.items() if few or k not in weights}, step)

    return logged


def _by_trials(
    task: Task, seed: int, executor: Executor[TrialContext], run: RunContext
) -> SearchResult:
    random = generator(seed, "trials")
    decisions, continuous = task.decisions(random)
    sampler_class, sampler_options = class_and_options(task.options, "strategy")
    sampler = sampler_class(decisions, random, continuous, sampler_options)
    options = task.options
    ended = run_trials(
        sampler,
        train_trial,
        options.trials,
        options.trials_at_once,
        executor,
        run,
        limits=task.limits,
        keep=task.kept,
    )
    if rivals := _known(task, [trial.genotype for trial, _ in ended]):
        among = len(ended) + len(rivals)
        ended += execute_trials(rivals, train_trial, executor, run, among, task.kept)
    best, trained, trainings = _best(task, ended, executor, run)
    assert best.genotype is not None  # a complete trial has one
    return SearchResult(best.genotype, best.metrics, {}, trainings, trained)


def _best(
    task: Task,
    ended: Sequence[tuple[Trial, Any]],
    executor: Executor[TrialContext],
    run: RunContext,
) -> tuple[Trial, list[TrainingResult], dict[str, Sequence[Metrics]]]:
    """Refine the best trials; return the best of all, the best trainings, and all histories.

    Trainings and histories are sorted, best first; histories are those of all trials.
    """
    check_some_completed([trial for trial, _ in ended])
    ranked = _distinct(
        sorted((t for t, _ in ended if t.state == "complete"), key=lambda trial: trial.score)
    )
    refinable = task.refinable([(t.genotype, t.score) for t in ranked if t.genotype is not None])
    refinements = [
        Trial(
            number,
            kind="refinement",
            genotype=trial.genotype,
            origin=trial.origin or trial.name,
        )
        for number, trial in enumerate(trial for trial in ranked if trial.genotype in refinable)
    ]
    if refinements:
        among = 1 + len(refinements)
        more = execute_trials(refinements, refine_trial, executor, run, among, task.kept)
        ended = [*ended, *more]
    trials = [trial for trial, _ in ended]
    best = best_trials(ended, task.kept)
    trained = {trial.name: result for trial, result in best}
    for trial, result in best:
        if result is None:  # the trial was on file: its job reads the network from the checkpoint
            job = refine_trial if trial.kind == "refinement" else train_trial
            executor.submit(trial.name, job, replace(trial, state="running"))
    for name, ended_job in executor.results():
        _, trained[name] = ended_job.value()
    histories = [item for trial in trials for item in trial.histories.items()]
    histories.sort(key=lambda item: _best_value(task.monitor, item[1]))
    return best[0][0], list(trained.values()), dict(histories)


def _refitted(task: Task, found: SearchResult, seed: int, run: RunContext) -> SearchResult:
    """Add the training on training and validation data, if the task has one."""
    if not found.best:
        return found
    try:
        refitted = task.refit(found.best, seed, replace(run, log=lambda metrics, step: None))
    except Diverged as error:
        run.failed["refit"] = error.reason
        return found
    return replace(found, refitted=refitted)


def _best_value(monitor: Metric, history: Sequence[Metrics]) -> float:
    return min(monitor.as_loss(metrics[monitor.name]) for metrics in history)
