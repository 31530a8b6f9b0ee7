"""Bayesian optimisation by tree-structured Parzen estimators (Bergstra et al., NeurIPS 2011)."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations

import optuna
import torch

from nasp.core.decision import Decision
from nasp.samplers.base import SPREAD, Proposal, Sampler, named

STARTUP = 6  # random trials before the first model; optuna's 10 leave little of a few tens
RANGE = 2 * SPREAD  # offsets are searched within plus and minus this, in the parameters' own units


class TPE(Sampler):
    """Models the good and the bad trials apart, and asks where their ratio is largest.

    For each decision the set of kept edges is one categorical variable, and the operation of each
    kept edge another, which exists only in the trials that keep the edge: the tree of the name.
    Each number of the continuous architecture is a variable within `RANGE` of the start. Variables
    are modelled one by one (§4), as the conditional ones need it. Trials are only ranked, so what
    failed is a bad one with the score infinity.

    Args:
        decisions: What is to be decided; `C(edges, keep)` sets of edges are listed for each.
        generator: Source of the seed of optuna's sampler.
        continuous: Number of parameters of the space's continuous architecture.
    """

    def __init__(
        self, decisions: tuple[Decision, ...], generator: torch.Generator, continuous: int = 0
    ) -> None:
        super().__init__(decisions, generator, continuous)
        self._sets = {d.name: list(combinations(range(d.shape[0]), d.keep)) for d in self.decisions}
        sampler = optuna.samplers.TPESampler(
            n_startup_trials=STARTUP, multivariate=False, seed=self._below(1 << 32)
        )
        with silent_optuna():  # only the creation of a study is logged
            self._study = optuna.create_study(sampler=sampler, study_name="tpe")
        self._trial: optuna.Trial | None = None

    def ask(self) -> Proposal:
        self._trial = trial = self._study.ask()
        choices = {}
        for d in self.decisions:
            sets = self._sets[d.name]
            kept = sets[trial.suggest_categorical(d.name, range(len(sets)))]
            kinds = range(len(d.operations))
            drawn = [trial.suggest_categorical(f"{d.name}/{d.sources[e]}", kinds) for e in kept]
            choices[d.name] = named(d, kept, drawn)
        offsets = [trial.suggest_float(f"{i}", -RANGE, RANGE) for i in range(self.continuous)]
        return Proposal(choices, tuple(offsets))

    def tell(self, proposal: Proposal, score: float) -> None:
        assert self._trial is not None, "tell follows ask"
        self._study.tell(self._trial, score)


@contextmanager
def silent_optuna() -> Iterator[None]:
    """Keep optuna's log, which is the process's, quiet for a while."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
