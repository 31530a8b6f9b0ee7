"""A metric of ratings: the share of predictions with an error below half a rating unit."""

from torch import Tensor

from nasp.metric import Metric
from sif.evaluation.ratings import VALUES

WITHIN_HALF = Metric("within_half", larger_is_better=True, title="share within half a unit")


def within_half(residuals: Tensor, std: float) -> Tensor:
    """Return the share, a scalar.

    Args:
        residuals: Predictions minus ratings, standardised, `(ratings,)`.
        std: Standard deviation of the ratings, in rating units.
    """
    return ((residuals * std).abs() < 0.5).double().mean()


VALUES[WITHIN_HALF] = within_half
