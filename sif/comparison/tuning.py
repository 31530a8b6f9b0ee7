"""Tuning of hyper-parameters on validation ratings, with the same number of trials for all."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import accumulate

import optuna

from nasp.errors import NaspError
from nasp.registry import class_and_options
from nasp.runs.context import RunContext
from nasp.runs.progress import Phase, Progress
from nasp.samplers.tpe import silent_optuna
from nasp.training.seeding import generator
from sif.comparison.config import OWN, Bounds, for_method
from sif.comparison.methods import METHODS
from sif.data.search_data import SearchData
from sif.evaluation.ratings import evaluate_predictions
from sif.options import SearchOptions


class Watched(Progress):
    """Records the validation RMSE and the time of every epoch.

    Attributes:
        seconds: Time of the end of each epoch since the start.
        rmse: Validation RMSE after each epoch, in rating units.
    """

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.seconds: list[float] = []
        self.rmse: list[float] = []
        self._start = time.perf_counter()

    @contextmanager
    def phase(self, name: str, *, total: int, start: int = 0) -> Iterator[Phase]:
        yield self

    def advance(self, metrics: Mapping[str, float]) -> None:
        """Record an epoch."""
        self.seconds.append(time.perf_counter() - self._start)
        self.rmse.append(metrics["valid/rmse"])

    def best(self) -> list[float]:
        """Return the smallest RMSE so far, for each epoch."""
        return list(accumulate(self.rmse, min))


class _Pruned(Watched):
    """Stops a trial that is worse than the median of the earlier trials at the same epoch."""

    def __init__(self, trial: optuna.Trial) -> None:
        super().__init__()
        self.trial = trial

    def advance(self, metrics: Mapping[str, float]) -> None:
        super().advance(metrics)
        self.trial.report(min(self.rmse), len(self.rmse))
        if self.trial.should_prune():
            raise optuna.TrialPruned


def tune(
    method: str,
    data: SearchData,
    options: SearchOptions,
    bounds: Mapping[str, Bounds],
    trials: int,
    seed: int,
) -> dict[str, float]:
    """Tune hyper-parameters by validation RMSE (optuna's TPE, with median pruning).

    The first trial has the values of `options`, clipped to the bounds. Every trial runs the whole
    method. On MovieLens 100K, trials with fewer restarts selected values that were good for the
    only operation that they found, and bad for the whole search.

    Args:
        method: The method, a name in `METHODS`.
        data: Training and validation ratings.
        options: The method's options from `for_method`.
        bounds: Bounds of the hyper-parameters, by the names of `for_method`.
        trials: Number of trials.
        seed: Determines all random numbers.

    Returns:
        The best values by name; those of `options` if there are no trials.
    """
    start = {name: _value(options, name) for name in bounds}
    defaults = for_method(method, SearchOptions(), {})
    kinds = {name: type(_value(defaults, name)) for name in bounds}

    def draw(trial: optuna.Trial, name: str) -> float:
        low, high = bounds[name]
        if kinds[name] is int:
            return trial.suggest_int(name, int(low), int(high), log=True)
        return trial.suggest_float(name, low, high, log=True)

    def objective(trial: optuna.Trial) -> float:
        tried = for_method(method, options, {name: draw(trial, name) for name in bounds})
        try:
            fitted = METHODS[method](data, tried, seed, RunContext(progress=_Pruned(trial)))
        except NaspError:  # the trial diverged
            return float("inf")
        return evaluate_predictions(fitted.rate(data.valid), data.valid, data.scale)["rmse"]

    if trials == 0:
        return start
    drawn = int(generator(seed, "tuning").initial_seed()) % 2**32
    with silent_optuna():
        study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=drawn),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=3),
        )
        study.enqueue_trial(
            {name: kinds[name](min(max(start[name], a), b)) for name, (a, b) in bounds.items()}
        )
        study.optimize(objective, n_trials=trials)
    return {name: kinds[name](study.best_params[name]) for name in start}


def _value(options: SearchOptions, name: str) -> float:
    """Return the value of an option by its name in `for_method`."""
    part = class_and_options(options, "strategy")[1] if name.startswith(OWN) else options
    value: float = getattr(part, name.removeprefix(OWN))
    return value
