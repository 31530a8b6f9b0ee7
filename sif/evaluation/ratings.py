"""Metrics of rating prediction, in rating units."""

from collections.abc import Callable

import torch
from torch import Tensor

from nasp.metric import LOSS, Metric, Metrics
from sif.data.rating_tensors import Ratings, Scale
from sif.data.search_data import SearchData

RMSE = Metric("rmse", unit="rating units", title="RMSE")
VALUES: dict[Metric, Callable[[Tensor, float], Tensor]] = {
    RMSE: lambda residuals, std: residuals.square().mean().sqrt() * std,
    Metric("mae", unit="rating units", title="MAE"): lambda r, std: r.abs().mean() * std,
}
"""The function of each metric, from residuals and the ratings' standard deviation to a scalar.

Residuals are predictions minus ratings, standardised, float64 `(ratings,)`, so that
`residuals * std` is in rating units. Validation monitors the first metric; more can be added.
"""
CHUNK = 1 << 16  # ratings that are predicted at once, to bound the memory


@torch.no_grad()
def predict(rate: Callable[[Tensor], tuple[Tensor, Tensor]], rows: Tensor) -> Tensor:
    """Predict standardised ratings `(ratings,)` of table rows `(entities, ratings)`.

    Args:
        rate: Predicts ratings of rows, like `RatingModel.rate`.
        rows: The rows.
    """
    # Written in place, because results of chunks, kept between temporaries, would fragment memory.
    ratings = torch.empty(rows.shape[1], device=rows.device)
    for start in range(0, len(ratings), CHUNK):
        chunk = slice(start, start + CHUNK)
        ratings[chunk] = rate(rows[:, chunk])[0]
    return ratings


def evaluate_predictions(predictions: Tensor, data: Ratings, scale: Scale) -> dict[str, float]:
    """Return the metrics in `VALUES` by name, including ratings of unseen ids.

    Args:
        predictions: Standardised predictions, `(ratings,)`, for `data.rows`. They are clipped to
            the range of the training ratings, as in a model's predictions.
        data: The true ratings.
        scale: Scale of the ratings.
    """
    # On the CPU, because a Mac's GPU has no float64.
    residuals = torch.cat([scale.clip(predictions) - data.ratings, data.unseen]).cpu().double()
    return {metric.name: float(value(residuals, scale.std)) for metric, value in VALUES.items()}


def monitor_of(data: SearchData) -> Metric:
    """Return the metric that selects epochs; without validation ratings there is the loss alone."""
    return RMSE.on("valid") if len(data.valid.ratings) else LOSS.on("train")


def validated(predictions: Callable[[], Tensor], data: SearchData) -> Metrics:
    """Return the metrics of predictions of the validation ratings, if there are any.

    Args:
        predictions: Returns standardised predictions, `(ratings,)`.
        data: The data.
    """
    if not len(data.valid.ratings):
        return {}
    found = evaluate_predictions(predictions(), data.valid, data.scale)
    return {f"valid/{name}": value for name, value in found.items()}
