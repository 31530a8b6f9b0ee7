"""An objective of ratings: the Huber loss, which outliers move less than squared errors."""

from torch import Tensor
from torch.nn import functional

from sif.options import OBJECTIVES


def huber(predictions: Tensor, ratings: Tensor) -> Tensor:
    """The mean over a batch, a scalar, of standardised predictions and ratings `(ratings,)`."""
    return functional.huber_loss(predictions, ratings)


OBJECTIVES.add("huber", huber)
