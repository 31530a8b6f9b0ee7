"""Hyper-parameters chosen on validation ratings, with the same number of trials for all methods."""

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
from sif.data.evaluation import evaluate_predictions
from sif.data.search_data import SearchData
from sif.options import SearchOptions


class Watched(Progress):
    """Keeps the validation RMSE of every epoch, and when it was.

    Attributes:
        seconds: Of each epoch's end, from the start.
        rmse: Validation RMSE at each epoch's end, in rating units.
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
        """An epoch is done."""
        self.seconds.append(time.perf_counter() - self._start)
        self.rmse.append(metrics["valid/rmse"])

    def best(self) -> list[float]:
        """The smallest RMSE so far, epoch by epoch."""
        return list(accumulate(self.rmse, min))


class _Pruned(Watched):
    """Ends a trial that is worse than the median of the earlier ones at the same epoch."""

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
    """Choose hyper-parameters by validation RMSE (optuna's TPE, with median pruning).

    The first trial has the values of `options`, moved into the bounds. Every trial is the whole
    method: on MovieLens 100K a search with fewer starts chose values that were good for the one
    operation that it met, and did the whole search harm.

    Args:
        method: What is tuned, one of `METHODS`.
        data: Training and validation ratings.
        options: The method's, as `for_method` makes them.
        bounds: Of what is tuned, by the names that `for_method` takes.
        trials: Sets of values tried.
        seed: Fixes what is drawn.

    Returns:
        The best value of each name; those of `options` if there are no trials.
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
        except NaspError:  # it diverged
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
    """The value of an option by the name that `for_method` takes."""
    part = class_and_options(options, "strategy")[1] if name.startswith(OWN) else options
    value: float = getattr(part, name.removeprefix(OWN))
    return value
