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

RANGE = 2 * SPREAD  # offsets are searched between -RANGE and RANGE


@dataclass(frozen=True)
class TPEOptions:
    """Options of TPE.

    Attributes:
        startup: Number of random trials before the first model. Optuna's default of 10 is too many
            for searches of a few tens of trials.
    """

    startup: int = 6

    def __post_init__(self) -> None:
        check_types(self)
        check_positive(self, "startup")


class TPE(Sampler):
    """Models good and bad trials by two densities, and proposes where their ratio is largest.

    For each decision, the set of kept edges is a categorical variable. The operation of each kept
    edge is another one, which exists only in the trials that keep the edge (the tree in TPE). Each
    offset of the continuous architecture is a variable between `-RANGE` and `RANGE`. Variables are
    modelled independently (§4), because some are conditional. Trials are only ranked, so a failed
    trial simply has an infinite score.

    The memory grows with the `C(edges, keep)` sets of edges of each decision.
    """

    Options: ClassVar[type[TPEOptions]] = TPEOptions
    options: TPEOptions

    def prepare(self) -> None:
        self._sets = {d.name: list(combinations(range(d.shape[0]), d.keep)) for d in self.decisions}
        sampler = optuna.samplers.TPESampler(
            n_startup_trials=self.options.startup, multivariate=False, seed=self._below(1 << 32)
        )
        with silent_optuna():  # optuna logs only the creation of a study
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
    """Silence optuna's log, which is global to the process, within a `with` block."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
