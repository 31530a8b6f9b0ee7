"""The compared methods, each as a function of the data."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from nasp.core.genotype import Genotype
from nasp.errors import Diverged
from nasp.runs.context import RunContext
from nasp.samplers.random import Random
from nasp.search import STRATEGIES, run_search
from nasp.search.pipeline import train
from nasp.training.seeding import generator
from sif.baselines import BASELINES
from sif.baselines.fit import fit_baseline, train_baseline
from sif.baselines.general import DECISIONS, GeneralMLP
from sif.comparison.config import MEMBERS, SINGLE, for_method
from sif.data import biases as bias
from sif.data.rating_tensors import Ratings
from sif.data.search_data import SearchData
from sif.evaluation.ratings import predict
from sif.nn.space import DECISION, InteractionSpace, name_of
from sif.options import SearchOptions
from sif.tasks.rating import RatingTask
from sif.zoo import ZOO


@dataclass(frozen=True)
class Fitted:
    """A trained model.

    Attributes:
        rate: Returns standardised predictions `(ratings,)` for the rows of a split.
        parameters: Number of parameters.
        found: The found function, if the method searches.
    """

    rate: Callable[[Ratings], Tensor]
    parameters: int
    found: str = ""


GENOTYPES = ZOO | {
    name: Genotype(InteractionSpace.name, {DECISION: (("id", name),)}) for name in SINGLE
}
"""The genotypes of `MEMBERS`."""
Method = Callable[[SearchData, SearchOptions, int, RunContext], Fitted]
"""Trains a model on the data with a seed; the run's progress records the epochs."""


def _mean(data: SearchData, options: SearchOptions, seed: int, run: RunContext) -> Fitted:
    return Fitted(lambda ratings: torch.zeros_like(ratings.ratings), 1)


def _biases(data: SearchData, options: SearchOptions, seed: int, run: RunContext) -> Fitted:
    return Fitted(
        lambda ratings: bias.predict_from_biases(data.biases, ratings), len(data.biases) + 1
    )


def _baseline(
    name: str, data: SearchData, options: SearchOptions, seed: int, run: RunContext
) -> Fitted:
    model, _ = train_baseline(
        name, data, options, epochs=options.train_epochs, generator=generator(seed, name), run=run
    )
    return Fitted(lambda ratings: predict(model.rate, ratings.rows), model.size())


def _member(
    name: str, data: SearchData, options: SearchOptions, seed: int, run: RunContext
) -> Fitted:
    """Train a member of the space in the ways in which a search trains what it finds."""
    task = _task(data, options)
    model = task.model(train(task, name, GENOTYPES[name], seed, run))
    return Fitted(model.rate, model.size())


def _general(data: SearchData, options: SearchOptions, seed: int, run: RunContext) -> Fitted:
    """Random search over the layer widths of a general MLP."""
    tried: list[tuple[float, GeneralMLP, str]] = []
    reason = ""
    for trial in Random(DECISIONS, generator(seed, "layers")).ask(options.trials):
        random = generator(seed, "general", trial.number)
        layers = [pairs[0][1] for pairs in trial.choices.values()]
        widths = tuple(int(width) for width in layers if width != "0")
        model = GeneralMLP(data, options, random, widths).to(data.train.ratings.device)
        try:
            outcome = fit_baseline(
                trial.name,
                model,
                data,
                options,
                epochs=options.train_epochs,
                generator=random,
                run=run,
            )
        except Diverged as error:
            reason = reason or error.reason
            continue
        rmse = outcome.history[outcome.best_epoch]["valid/rmse"]
        tried.append((rmse, model, "-".join(map(str, widths)) or "linear"))
    if not tried:
        raise Diverged(f"all {options.trials} trials failed; the first: {reason}")
    _, model, layout = min(tried, key=lambda trial: trial[0])
    return Fitted(lambda ratings: predict(model.rate, ratings.rows), model.size(), layout)


def _search(
    strategy: str, data: SearchData, options: SearchOptions, seed: int, run: RunContext
) -> Fitted:
    task = _task(data, for_method(strategy, options, {}))
    model = task.model(run_search(task, seed, run))
    return Fitted(model.rate, model.size(), name_of(model.genotype))


def _task(data: SearchData, options: SearchOptions) -> RatingTask:
    """Return the task of one method alone, with no other model that would compete."""
    return RatingTask(data, replace(options, known=(), refit=False))


TRIVIAL: dict[str, Method] = {"global mean": _mean, "biases": _biases}
FIXED: dict[str, Method] = {name: partial(_member, name) for name in MEMBERS}
FIXED |= {name: partial(_baseline, name) for name in BASELINES}
SEARCHED: dict[str, Method] = {name: partial(_search, name) for name in STRATEGIES}
SEARCHED["general_mlp"] = _general
METHODS = TRIVIAL | FIXED | SEARCHED


def methods_of(entities: int) -> list[str]:
    """Return the methods for ratings with this number of entities, the trivial ones first."""
    return [name for name in METHODS if name not in BASELINES or BASELINES[name].takes(entities)]
