"""Training losses: an objective of ratings or of rankings, plus a penalty.

An objective in `OBJECTIVES` maps standardised predictions and ratings, or logits and labels of
clicks, each `(ratings,)`, to the mean loss, a scalar. One in `RANKING_OBJECTIVES` maps the scores
of positives `(pairs,)`, the scores of negatives `(pairs, negatives)`, minus infinity where a
negative is none, and the number of items that each negative stands for, to the mean loss over the
pairs.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from sif.options import OBJECTIVES, SpaceOptions, TrainOptions


def squared_error(predictions: Tensor, ratings: Tensor) -> Tensor:
    """Return the mean squared error."""
    residual = predictions - ratings
    return residual.dot(residual) / len(ratings)


def sampled_softmax(positive: Tensor, negative: Tensor, stands_for: float) -> Tensor:
    """Return the mean of `−log(exp(p) / (exp(p) + c Σ exp(n)))`.

    With the factor c, the number of items that a negative stands for, the sum over negatives is an
    estimate of the sum over the catalogue.
    """
    others = torch.logsumexp(negative, dim=1) + math.log(stands_for)
    return functional.softplus(others - positive).mean()


def bpr(positive: Tensor, negative: Tensor, stands_for: float) -> Tensor:
    """Return the mean of `−log σ(p − n)` over pairs and negatives (Rendle et al., UAI 2009)."""
    return functional.softplus(negative - positive.unsqueeze(1)).mean()


NEGATIVE_WEIGHT = 10.0


def weighted_logistic(positive: Tensor, negative: Tensor, stands_for: float) -> Tensor:
    """Return the logistic loss of each positive, plus that of its negatives.

    The negatives of a positive have a total weight of `NEGATIVE_WEIGHT`, as in UltraGCN (Mao et
    al., CIKM 2021).
    """
    of_negatives = functional.softplus(negative).mean()
    return functional.softplus(-positive).mean() + NEGATIVE_WEIGHT * of_negatives


def logistic(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean logistic loss of labels 0 and 1, in nats: the log-loss of the clicks."""
    return functional.binary_cross_entropy_with_logits(logits, labels)


def rating_loss(
    outputs: tuple[Tensor, Tensor],
    ratings: Tensor,
    options: TrainOptions,
    inverse_counts: Tensor | None = None,
) -> Tensor:
    """Return the objective plus the penalty on embeddings (SIF, eq. 5), a scalar.

    Args:
        outputs: Predictions `(ratings,)` and their embeddings, `(entities, ratings, any)`.
        ratings: Standardised ratings, `(ratings,)`.
        options: Objective, and kind and weight of the penalty.
        inverse_counts: See `penalty`.
    """
    predictions, looked_up = outputs
    mean = OBJECTIVES[options.objective](predictions, ratings)
    total: Tensor = torch.add(
        mean, penalty(looked_up, options, inverse_counts), alpha=options.weight_decay
    )
    return total


def penalty(
    looked_up: Tensor, options: SpaceOptions, inverse_counts: Tensor | None = None
) -> Tensor:
    """Return the penalty on embeddings without its weight, a scalar; see `SpaceOptions.penalty`.

    Args:
        looked_up: The embeddings, `(entities or more, ratings, any)`.
        options: The kind of penalty.
        inverse_counts: 1 / the number of ratings of each id, `(entities, ratings)`, for `per_id`.
            Embeddings beyond those of the entities, of what users rated, have that of the user.
    """
    if options.penalty == "norm":
        norms: Tensor = torch.linalg.vector_norm(looked_up, dim=(1, 2))
        return norms.sum()
    squares = looked_up.square()
    if options.penalty == "squared":
        return squares.sum() / looked_up.shape[1]
    assert inverse_counts is not None, "the penalty per_id needs the number of ratings of each id"
    more = len(looked_up) - len(inverse_counts)
    weights = torch.cat([inverse_counts, inverse_counts[:1].expand(more, -1)])
    return (squares.sum(2) * weights).sum() / looked_up.shape[1]
