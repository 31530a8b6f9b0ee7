"""Tuning of options by trials, the same way for all closed forms."""

from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from nasp.samplers.tpe import silent_optuna
from sif.closed_forms.base import Bound

STARTUP = 4  # first trials, whose options are drawn evenly


def start(options: object, bounds: Mapping[str, Bound]) -> dict[str, float]:
    """Return the options of the first trial: the defaults, by name."""
    return {name: getattr(options, name) for name in bounds}


def next_options(
    bounds: Mapping[str, Bound],
    trials: Sequence[Mapping[str, Any]],
    first: Mapping[str, float],
    seed: int,
) -> dict[str, float]:
    """Return the options of the next trial, which depend only on the trials so far (TPE).

    Args:
        bounds: The options that are tuned.
        trials: The `options` of each trial so far, and its `value`, which is to be maximised.
        first: The options of the first trial.
        seed: Seed of the study.
    """
    if not trials:
        return dict(first)
    known = {name: _distribution(bound) for name, bound in bounds.items()}
    with silent_optuna():
        study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(
                n_startup_trials=STARTUP, seed=1000 * seed + len(trials), multivariate=True
            ),
            direction="maximize",
        )
        for trial in trials:
            study.add_trial(
                optuna.trial.create_trial(
                    params=dict(trial["options"]), distributions=known, value=trial["value"]
                )
            )
        return dict(study.ask(known).params)


def _distribution(bound: Bound) -> BaseDistribution:
    low, high, log = bound
    if isinstance(low, int):
        return IntDistribution(low, int(high), log=log)
    return FloatDistribution(low, high, log=log)
