"""What is compared: every method as one function of the data."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from nasp.core.loop import Run
from nasp.core.seeding import generator
from nasp.strategies import ONE_SHOT, SAMPLERS
from sif.baselines import BASELINES
from sif.fit import fit
from sif.metrics import predict
from sif.options import SearchOptions
from sif.pipeline import find
from sif.prepared import Ratings
from sif.visible import Data


@dataclass(frozen=True)
class Fitted:
    """A trained model.

    Attributes:
        rate: Standardised predictions `(ratings,)` for the rows of a split.
        parameters: How many numbers it has learnt.
        found: What the method found, if it searches.
    """

    rate: Callable[[Ratings], Tensor]
    parameters: int
    found: str = ""


Method = Callable[[Data, SearchOptions, int, Run], Fitted]
"""Trains on the data with a seed, watched through the run's progress."""


def _mean(data: Data, options: SearchOptions, seed: int, run: Run) -> Fitted:
    return Fitted(lambda ratings: torch.zeros_like(ratings.ratings), 1)


def _biases(data: Data, options: SearchOptions, seed: int, run: Run) -> Fitted:
    return Fitted(lambda ratings: data.biases[ratings.rows].sum(0), len(data.biases) + 1)


def _baseline(name: str, data: Data, options: SearchOptions, seed: int, run: Run) -> Fitted:
    random = generator(seed, name)
    model = BASELINES[name](data, options, random).to(data.train.ratings.device)
    groups = [{"params": list(model.parameters())}]
    fit(name, model, groups, data, options, epochs=options.train_epochs, generator=random, run=run)
    return Fitted(lambda ratings: predict(model.rate, ratings.rows), _size(model))


def _search(strategy: str, data: Data, options: SearchOptions, seed: int, run: Run) -> Fitted:
    found = find(data, replace(options, strategy=strategy), seed, run)
    model = found.model
    return Fitted(model.rate, _size(model.network), found.candidates[0].operation)


def _size(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


TRIVIAL: dict[str, Method] = {"global mean": _mean, "biases": _biases}
FIXED: dict[str, Method] = {name: partial(_baseline, name) for name in BASELINES}
SEARCHED: dict[str, Method] = {name: partial(_search, name) for name in (*ONE_SHOT, *SAMPLERS)}
METHODS = TRIVIAL | FIXED | SEARCHED
