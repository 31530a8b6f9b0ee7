"""What a search of cells found, on shared weights or by training cells alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from nasp.core.genotype import Genotype
from nasp.metric import Metrics
from nasp.runs.context import Run
from nasp.samplers.base import Proposal, Sampler
from nasp.search.one_shot import run_trials
from nasp.training.loop import Outcome, one_of_several


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        genotype: The best by validation.
        metrics: Those of its moment.
        histories: Metrics by epoch of the search, or of the training of each trial that did not
            fail.
    """

    genotype: Genotype
    metrics: Metrics
    histories: dict[str, list[Metrics]]


def of_search(outcome: Outcome) -> Found:
    """What `nasp.search.one_shot.search` found."""
    best = outcome.history[outcome.best_epoch]
    return Found(Genotype.from_json(outcome.best), best, {"search": outcome.history})


def by_trials(
    space: str,
    sampler: Sampler,
    train: Callable[[str, Genotype, Run], tuple[Metrics, list[Metrics]]],
    score: Callable[[Metrics], float],
    trials: int,
    run: Run,
) -> Found:
    """Train what a sampler asks for, each cell alone.

    Args:
        space: The name that the genotypes bear.
        sampler: Proposes cells.
        train: Given the trial's name, the cell and a run without a log, returns the metrics of
            the trained network and those of each epoch.
        score: What to minimise.
        trials: Number of cells.
        run: Checkpoint, progress and log, where a trial is a step.

    Raises:
        NaspError: All trials diverged; `run.failed` says why some did.
    """
    found: dict[int, tuple[Genotype, Metrics]] = {}
    histories: dict[str, list[Metrics]] = {}
    quiet = replace(run, log=lambda metrics, step: None)

    def evaluate(position: int, proposal: Proposal) -> float:
        name = f"trial {position + 1} of {trials}"
        genotype = Genotype(space, proposal.choices)
        with one_of_several(name, run):
            metrics, histories[name] = train(name, genotype, quiet)
        found[position] = genotype, metrics
        run.log(metrics, position)
        return score(metrics)

    scores = run_trials(sampler, evaluate, trials)
    best = min(range(trials), key=lambda trial: scores[trial][0])
    return Found(*found[best], histories)


def without_weights(run: Run) -> Run:
    """A run that logs no weights `A`: pictures have them; curves of hundreds nobody reads."""

    def log(metrics: Mapping[str, float], step: int) -> None:
        run.log({k: v for k, v in metrics.items() if not k.startswith("arch/")}, step)

    return replace(run, log=log)
