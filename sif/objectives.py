"""What models of ratings are trained to make small: an objective of `OBJECTIVES`, and a penalty.

An objective is the mean loss, a scalar, of standardised predictions and ratings, `(ratings,)` each.
"""

import torch
from torch import Tensor

from sif.options import OBJECTIVES, SpaceOptions, TrainOptions


def squared_error(predictions: Tensor, ratings: Tensor) -> Tensor:
    """The mean squared error."""
    residual = predictions - ratings
    return residual.dot(residual) / len(ratings)


def rating_loss(outputs: tuple[Tensor, Tensor], ratings: Tensor, options: TrainOptions) -> Tensor:
    """The objective plus the embeddings' penalty (SIF, eq. 5), a scalar.

    Args:
        outputs: Predictions `(ratings,)` and what they were made of, `(entities, ratings, any)`.
        ratings: Standardised, `(ratings,)`.
        options: Objective, and kind and weight of the penalty.
    """
    predictions, looked_up = outputs
    mean = OBJECTIVES[options.objective](predictions, ratings)
    total: Tensor = torch.add(mean, penalty(looked_up, options), alpha=options.weight_decay)
    return total


def penalty(looked_up: Tensor, options: SpaceOptions) -> Tensor:
    """The embeddings' penalty without its weight, a scalar; see `SpaceOptions.penalty`."""
    if options.penalty == "norm":
        norms: Tensor = torch.linalg.vector_norm(looked_up, dim=(1, 2))
        return norms.sum()
    return looked_up.square().sum() / looked_up.shape[1]
