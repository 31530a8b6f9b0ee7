"""Training losses of models of ratings: an objective in `OBJECTIVES` plus a penalty.

An objective maps standardised predictions and ratings, each `(ratings,)`, to the mean loss, a
scalar.
"""

import torch
from torch import Tensor

from sif.options import OBJECTIVES, SpaceOptions, TrainOptions


def squared_error(predictions: Tensor, ratings: Tensor) -> Tensor:
    """Return the mean squared error."""
    residual = predictions - ratings
    return residual.dot(residual) / len(ratings)


def rating_loss(outputs: tuple[Tensor, Tensor], ratings: Tensor, options: TrainOptions) -> Tensor:
    """Return the objective plus the penalty on embeddings (SIF, eq. 5), a scalar.

    Args:
        outputs: Predictions `(ratings,)` and their embeddings, `(entities, ratings, any)`.
        ratings: Standardised ratings, `(ratings,)`.
        options: Objective, and kind and weight of the penalty.
    """
    predictions, looked_up = outputs
    mean = OBJECTIVES[options.objective](predictions, ratings)
    total: Tensor = torch.add(mean, penalty(looked_up, options), alpha=options.weight_decay)
    return total


def penalty(looked_up: Tensor, options: SpaceOptions) -> Tensor:
    """Return the penalty on embeddings without its weight, a scalar; see `SpaceOptions.penalty`."""
    if options.penalty == "norm":
        norms: Tensor = torch.linalg.vector_norm(looked_up, dim=(1, 2))
        return norms.sum()
    return looked_up.square().sum() / looked_up.shape[1]
