"""The trivial model: a global mean and damped biases, in closed form."""

from collections.abc import Iterator

import torch
from torch import Tensor

from sif.data.evaluation import errors
from sif.data.rating_tensors import Ratings, Scale

DAMPINGS = (0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 50.0)
SWEEPS = 10
CHUNK = 1 << 16  # ratings at once: what is computed of them stays in the processor's cache


def biases(train: Ratings, rows: int, damping: float) -> Tensor:
    """Alternate each entity's closed form: mean residual over its count plus `damping`.

    Args:
        train: Training ratings.
        rows: Rows of the table, all entities together.
        damping: Pseudo-ratings of the global mean that each row starts with.

    Returns:
        A bias for each row, standardised, `(rows,)`.
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


def predict(bias: Tensor, data: Ratings) -> Tensor:
    """Standardised ratings `(ratings,)` of `data.rows` by biases of the table's rows `(rows,)`."""
    ratings = torch.empty_like(data.ratings)
    for part, (_, at) in zip(torch.split(ratings, CHUNK), _chunks(data), strict=True):
        part[:] = _sum(bias, at)
    return ratings


def fit_biases(train: Ratings, valid: Ratings, rows: int, scale: Scale) -> Tensor:
    """The biases whose damping has the smallest validation RMSE, `(rows,)`."""
    fitted = [biases(train, rows, damping) for damping in DAMPINGS]
    return min(fitted, key=lambda b: errors(predict(b, valid), valid, scale)["rmse"])


def _chunks(data: Ratings) -> Iterator[tuple[Tensor, Tensor]]:
    """Ratings and their rows, `(chunk,)` and `(entities, chunk)`."""
    return zip(torch.split(data.ratings, CHUNK), torch.split(data.rows, CHUNK, dim=1), strict=True)


def _sum(bias: Tensor, at: Tensor) -> Tensor:
    """Sum over entities of the biases at the rows `(entities, ratings)`."""
    return bias.index_select(0, at.flatten()).view(at.shape).sum(0)
