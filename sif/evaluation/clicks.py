"""Metrics of click prediction: AUC and log-loss."""

from collections.abc import Callable

import torch
from scipy.optimize import minimize_scalar
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn import functional

from nasp.errors import NaspError
from nasp.metric import Metric

SCALES = (0.1, 10.0)  # smallest and largest factor that calibrates logits
SMALLEST = 1e-15  # probabilities are at least this far from 0 and 1


def auc(logits: Tensor, labels: Tensor) -> float:
    """Return the probability that a click has a larger logit than a non-click; a tie counts half.

    Raises:
        NaspError: The labels are all equal.
    """
    if labels.min() == labels.max():
        raise NaspError(
            f"AUC needs clicks and non-clicks, and all {len(labels)} labels are "
            f"{float(labels[0]):g}: give both, or let negatives be drawn"
        )
    return float(roc_auc_score(labels.cpu().numpy(), logits.cpu().numpy()))


def log_loss(logits: Tensor, labels: Tensor) -> float:
    """Return the mean negative logarithm of the labels' predicted probabilities, in nats."""
    return float(functional.binary_cross_entropy_with_logits(logits, labels))


AUC = Metric("auc", larger_is_better=True, title="AUC")
VALUES: dict[Metric, Callable[[Tensor, Tensor], float]] = {
    AUC: auc,
    Metric("log_loss", title="log-loss", unit="nats"): log_loss,
}
"""The function of each metric, from logits and labels (0 or 1), float64 `(rows,)`, to a number.

Validation monitors the first metric; more can be added.
"""


def logits_of(probabilities: Tensor) -> Tensor:
    """Return float64 logits of probabilities, for example of an average over models."""
    return torch.logit(probabilities.double(), eps=SMALLEST)


def temperature_of(logits: Tensor, labels: Tensor) -> float:
    """Return the number that logits are divided by for the smallest log-loss (Guo et al., 2017).

    Args:
        logits: Predictions for rows that the model was not trained on, `(rows,)`.
        labels: 1 for a click, 0 for none, `(rows,)`.
    """
    logits, labels = logits.double().cpu(), labels.double().cpu()
    found = minimize_scalar(
        lambda scale: log_loss(logits * scale, labels), bounds=SCALES, method="bounded"
    )
    return 1 / float(found.x)


def evaluate_clicks(logits: Tensor, labels: Tensor) -> dict[str, float]:
    """Return the metrics in `VALUES` by name.

    Args:
        logits: Predictions, `(rows,)`; see `logits_of` for probabilities.
        labels: 1 for a click, 0 for none, `(rows,)`.

    Raises:
        NaspError: There is no row, a label is neither 0 nor 1, a logit is NaN, or the labels are
            all equal.
    """
    logits, labels = logits.double(), labels.double()
    if not len(labels):
        raise NaspError("there are no rows to evaluate clicks on")
    if not ((labels == 0) | (labels == 1)).all():
        wrong = labels[(labels != 0) & (labels != 1)][0]
        raise NaspError(f"a label is {float(wrong):g}; labels of clicks are 0 and 1")
    if logits.isnan().any():
        raise NaspError("a prediction is NaN: the model has diverged; lower its learning rate")
    return {metric.name: value(logits, labels) for metric, value in VALUES.items()}
