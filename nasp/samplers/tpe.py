"""Bayesian optimisation by tree-structured Parzen estimators (Bergstra et al., NeurIPS 2011)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import optuna

from nasp.cli.option_checks import check_positive, check_types
from nasp.samplers.base import SPREAD, Proposal, Sampler, name_choices
from nasp.samplers.trial import Trial

RANGE = 2 * SPREAD  # offsets are searched within plus and minus this, in the parameters' own units


@dataclass(frozen=True)
class TPEOptions:
    """When modelling begins.

    Attributes:
        startup: Random trials before the first model; optuna's 10 leave little of a few tens.
    """

    startup: int = 6

    def __post_init__(self) -> None:
        check_types(self)
        check_positive(self, "startup")


class TPE(Sampler):
    """Models the good and the bad trials apart, and asks where their ratio is largest.

    For each decision the set of kept edges is one categorical variable, and the operation of each
    kept edge another, which exists only in the trials that keep the edge: the tree of the name.
    Each number of the continuous architecture is a variable within `RANGE` of the start. Variables
    are modelled one by one (§4), as the conditional ones need it. Trials are only ranked, so what
    failed is a bad one with the score infinity.

    For each decision `C(edges, keep)` sets of edges are listed.
    """

    Options: ClassVar[type[TPEOptions]] = TPEOptions
    options: TPEOptions

    def prepare(self) -> None:
        self._sets = {d.name: list(combinations(range(d.shape[0]), d.keep)) for d in self.decisions}
        sampler = optuna.samplers.TPESampler(
            n_startup_trials=self.options.startup, multivariate=False, seed=self._below(1 << 32)
        )
        with silent_optuna():  # only the creation of a study is logged
            self._study = optuna.create_study(sampler=sampler, study_name="tpe")
        self._trials: dict[int, optuna.Trial] = {}

    def propose(self, number: int) -> Proposal:
        self._trials[number] = trial = self._study.ask()
        choices = {}
        for d in self.decisions:
            sets = self._sets[d.name]
            kept = sets[trial.suggest_categorical(d.name, range(len(sets)))]
            kinds = range(len(d.operations))
            drawn = [trial.suggest_categorical(f"{d.name}/{d.sources[e]}", kinds) for e in kept]
            choices[d.name] = name_choices(d, kept, drawn)
        offsets = [trial.suggest_float(f"{i}", -RANGE, RANGE) for i in range(self.continuous)]
        return choices, tuple(offsets)

    def learn(self, trial: Trial) -> None:
        self._study.tell(self._trials.pop(trial.number), trial.score)


@contextmanager
def silent_optuna() -> Iterator[None]:
    """Keep optuna's log, which is the process's, quiet for a while."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
