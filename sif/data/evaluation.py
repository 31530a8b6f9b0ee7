"""Errors of predictions, in rating units."""

from collections.abc import Callable

import torch
from torch import Tensor

from nasp.metric import Metric
from sif.data.rating_tensors import Ratings, Scale

RMSE = Metric("rmse", unit="rating units", title="RMSE")
VALUES: dict[Metric, Callable[[Tensor, float], Tensor]] = {
    RMSE: lambda residuals, std: residuals.square().mean().sqrt() * std,
    Metric("mae", unit="rating units", title="MAE"): lambda r, std: r.abs().mean() * std,
}
"""Of each metric its value, a scalar, from predictions minus ratings and the ratings' deviation.

Both are float64, the first `(ratings,)` and standardised, so that `residuals * std` is in rating
units. The first metric is the one that validation monitors; more may be added.
"""
CHUNK = 1 << 16  # ratings predicted at once: bounds memory, whatever the split's size


@torch.no_grad()
def predict(rate: Callable[[Tensor], tuple[Tensor, Tensor]], rows: Tensor) -> Tensor:
    """Standardised ratings `(ratings,)` of table rows `(entities, ratings)`.

    Args:
        rate: Predicts ratings of rows, as `RatingModel.rate` does.
        rows: What to predict.
    """
    # Written in place: results of the chunks, kept between their temporaries, would hold memory.
    ratings = torch.empty(rows.shape[1], device=rows.device)
    for start in range(0, len(ratings), CHUNK):
        chunk = slice(start, start + CHUNK)
        ratings[chunk] = rate(rows[:, chunk])[0]
    return ratings


def errors(predictions: Tensor, data: Ratings, scale: Scale) -> dict[str, float]:
    """The metrics in `VALUES` by their names, ratings of unseen ids included.

    Args:
        predictions: Standardised, `(ratings,)`, for `data.rows`; clipped to the range of the
            training ratings, like those that a model gives.
        data: The true ratings.
        scale: Turns standardised units into rating units.
    """
    # On the CPU: a Mac's GPU has no float64.
    residuals = torch.cat([scale.clip(predictions) - data.ratings, data.unseen]).cpu().double()
    return {metric.name: float(value(residuals, scale.std)) for metric, value in VALUES.items()}
