"""Averages of rankers, whose scores have different units."""

from collections.abc import Sequence

from torch import Tensor

from sif.evaluation.ranking import Scorer


def average(scorers: Sequence[Scorer], weights: Sequence[float]) -> Scorer:
    """Return a scorer that adds the standardised scores of others.

    The scores of a user are standardised over all items: mean 0, standard deviation 1, or all 0 if
    they are equal.

    Args:
        scorers: The scorers.
        weights: The weight of each.
    """

    def score(users: Tensor) -> Tensor:
        parts = [
            weight * standardised(scorer(users))
            for scorer, weight in zip(scorers, weights, strict=True)
        ]
        return sum(parts[1:], parts[0])

    return score


def standardised(scores: Tensor) -> Tensor:
    """Return scores `(users, items)` with mean 0 and standard deviation 1 in each row."""
    centred = scores - scores.mean(1, keepdim=True)
    return centred / centred.square().mean(1, keepdim=True).sqrt().clamp(min=1e-12)
