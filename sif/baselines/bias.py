"""The trivial model: a global mean and damped biases, in closed form."""

import torch
from torch import Tensor

from sif.metrics import errors
from sif.prepared import Ratings, Scale

DAMPINGS = (0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 50.0)
SWEEPS = 10


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
        for entity, count in zip(train.rows, counts, strict=True):
            residual = train.ratings - bias[train.rows].sum(0) + bias[entity]
            total = torch.zeros_like(bias).index_add_(0, entity, residual)
            bias = torch.where(count > 0, total / (count + damping).clamp(min=1.0), bias)
    return bias


def fit_biases(train: Ratings, valid: Ratings, rows: int, scale: Scale) -> Tensor:
    """The biases whose damping has the smallest validation RMSE, `(rows,)`."""
    fitted = [biases(train, rows, damping) for damping in DAMPINGS]
    return min(fitted, key=lambda b: errors(b[valid.rows].sum(0), valid, scale)["rmse"])
