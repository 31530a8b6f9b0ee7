"""Training of baselines, in the same way as found functions."""

from typing import Any

import torch

from nasp.errors import NaspError, nearest
from nasp.runs.context import RunContext
from nasp.training.loop import PhaseResult
from sif.baselines import BASELINES
from sif.baselines.base import Baseline
from sif.data.search_data import SearchData
from sif.options import TrainOptions
from sif.rating_fit import fit_ratings

TOWER_DECAY = 0.01  # Adagrad's L2 weight for hidden layers, which the penalty does not cover


def train_baseline(
    name: str,
    data: SearchData,
    options: TrainOptions,
    *,
    epochs: int,
    generator: torch.Generator,
    run: RunContext,
) -> tuple[Baseline, PhaseResult]:
    """Train a baseline until validation RMSE stops improving.

    Args:
        name: A name in `BASELINES`; also the phase's name in the checkpoint.
        data: Training ratings, and validation ratings, which stop the training.
        options: The options.
        epochs: Maximum number of epochs.
        generator: Draws initial values and batches.
        run: Checkpoint, progress and log.

    Returns:
        The model with the weights of its best epoch, and the outcome of the training.

    Raises:
        NaspError: There is no such baseline, or it does not support this number of entities.
    """
    if name not in BASELINES:
        hint, known = nearest(name, BASELINES), ", ".join(BASELINES)
        raise NaspError(f"unknown baseline {name!r}{hint}; known are {known}")
    model = BASELINES[name](data, options, generator)
    model.to(data.train.ratings.device)
    outcome = fit_baseline(name, model, data, options, epochs=epochs, generator=generator, run=run)
    return model, outcome


def fit_baseline(
    name: str,
    model: Baseline,
    data: SearchData,
    options: TrainOptions,
    *,
    epochs: int,
    generator: torch.Generator,
    run: RunContext,
) -> PhaseResult:
    """Train a given model, with a smaller step size for hidden layers; see `train_baseline`."""
    tower = list(model.tower())
    slow = set(map(id, tower))
    groups: list[dict[str, Any]] = [
        {"params": [p for p in model.parameters() if id(p) not in slow]},
        {
            "params": tower,
            "lr": model.tower_rate * options.learning_rate,
            "weight_decay": TOWER_DECAY,
        },
    ]
    return fit_ratings(
        name, model, groups, data, options, epochs=epochs, generator=generator, run=run
    )
