"""Searches by look-up: a sampler is told what a table says of the architectures that it asks for.

No network is trained, so hundreds of searches take seconds.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nasp.samplers import Sampler
from nasp.tabular.options import BenchOptions
from nasp.tabular.table import Measured, Problem, key_of


@dataclass(frozen=True)
class Searches:
    """Searches of one sampler with consecutive seeds.

    Attributes:
        regrets: Regret of the answer after each trial, float64 `(seeds, trials)`.
        seconds: Processor time of all searches.
    """

    regrets: Tensor
    seconds: float

    def mean(self, trials: int) -> float:
        """Return the mean regret over seeds after a number of trials."""
        return float(self.regrets[:, trials - 1].mean())

    def deviation(self, trials: int) -> float:
        """Return the standard deviation of the regret over seeds; 0 for one seed."""
        after = self.regrets[:, trials - 1]
        return float(after.std()) if len(after) > 1 else 0.0

    def milliseconds(self) -> float:
        """Return the processor time of a trial."""
        return 1000 * self.seconds / self.regrets.numel()


def regrets(sampler: Sampler, problem: Problem, measured: Measured, trials: int) -> list[float]:
    """Search, and return the regret of the answer after each trial.

    The answer is the trial that looks best to the search, the first of equals. A trial is asked for
    once the one before has been told. Before any trial is complete, the regret is that of the worst
    architecture.

    Args:
        sampler: A new sampler of the problem's decisions.
        problem: The problem.
        measured: The measurements to look up.
        trials: Number of trials.
    """
    found, best, regret = [], math.inf, measured.worst - measured.best
    for _ in range(trials):
        (trial,) = sampler.ask()
        key = key_of(trial.choices, problem.decisions)
        score, judged = measured.seen[key], measured.judged[key]
        if not math.isfinite(judged):
            score = math.inf
        sampler.tell(trial.completed(score))
        if score < best:
            best, regret = score, judged - measured.best
        found.append(regret)
    return found


@dataclass(frozen=True)
class Bench:
    """What all jobs share.

    Attributes:
        options: The options.
        problems: The problem on each data set.
        trials: Number of trials of each search.
    """

    options: BenchOptions
    problems: Mapping[str, Problem]
    trials: int


def search(bench: Bench, data: str, method: str, seeds: Sequence[int]) -> dict[str, Any]:
    """Search with several seeds; a job for an executor.

    Returns:
        The fields of `Searches`.
    """
    torch.set_num_threads(1)
    problem, start = bench.problems[data], time.process_time()
    sampler, options = bench.options.sampler(method)
    rows = []
    for seed in seeds:
        random = torch.Generator().manual_seed(seed)
        measured = problem.splits[seed % len(problem.splits)]
        rows.append(
            regrets(sampler(problem.decisions, random, 0, options), problem, measured, bench.trials)
        )
    found = torch.tensor(rows, dtype=torch.float64)
    return {"regrets": found, "seconds": time.process_time() - start}
