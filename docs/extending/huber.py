"""An objective of ratings: the Huber loss, which is less sensitive to outliers."""

from torch import Tensor
from torch.nn import functional

from sif.options import OBJECTIVES


def huber(predictions: Tensor, ratings: Tensor) -> Tensor:
    """Return the mean loss, a scalar, of standardised predictions and ratings `(ratings,)`."""
    return functional.huber_loss(predictions, ratings)


OBJECTIVES.add("huber", huber)
