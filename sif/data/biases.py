"""The bias model: the global mean plus damped biases of all ids, in closed form."""

from collections.abc import Iterator

import torch
from torch import Tensor

from sif.data.rating_tensors import Ratings, Scale

DAMPINGS = (0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 50.0, 1e9)  # the last leaves the mean alone
SWEEPS = 10
CHUNK = 1 << 16  # ratings that are processed at once, few enough for the processor's cache


def biases(train: Ratings, rows: int, damping: float) -> Tensor:
    """Fit biases by alternating over entities: sum of residuals over (count + `damping`).

    Args:
        train: Training ratings.
        rows: Number of rows of the table of all entities.
        damping: Number of pseudo-ratings of the global mean for each row.

    Returns:
        The standardised bias of each row, `(rows,)`.
    """
    bias = torch.zeros(rows, device=train.ratings.device)
    counts = [torch.bincount(r, minlength=rows).float() for r in train.rows]
    for _ in range(SWEEPS):
        for entity, count in enumerate(counts):
            total = torch.zeros_like(bias)
            for ratings, at in _chunks(train):
                residual = ratings - _sum(bias, at) + bias[at[entity]]
                total.index_add_(0, at[entity], residual)
            bias = torch.where(count > 0, total / (count + damping).clamp(min=1.0), bias)
    return bias


def predict_from_biases(bias: Tensor, data: Ratings) -> Tensor:
    """Predict standardised ratings `(ratings,)` of `data.rows` from biases `(rows,)`."""
    ratings = torch.empty_like(data.ratings)
    for part, (_, at) in zip(torch.split(ratings, CHUNK), _chunks(data), strict=True):
        part[:] = _sum(bias, at)
    return ratings


def best_damping(train: Ratings, valid: Ratings, rows: int, scale: Scale) -> float:
    """Return the damping of smallest validation RMSE."""

    def squares(damping: float) -> float:
        predicted = predict_from_biases(biases(train, rows, damping), valid)
        residuals = scale.clip(predicted) - valid.ratings
        return float(residuals.cpu().double().square().sum())

    return min(DAMPINGS, key=squares)


def _chunks(data: Ratings) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield ratings and their rows, `(chunk,)` and `(entities, chunk)`."""
    return zip(torch.split(data.ratings, CHUNK), torch.split(data.rows, CHUNK, dim=1), strict=True)


def _sum(bias: Tensor, at: Tensor) -> Tensor:
    """Return the sum over entities of the biases at rows `(entities, ratings)`."""
    return bias.index_select(0, at.flatten()).view(at.shape).sum(0)
