"""NASP without the bilevel problem: the architecture, too, is trained on training data."""

from torch import Tensor

from nasp.strategies.base import Loss
from nasp.strategies.nasp import NASP


class SingleLevel(NASP):
    """What validation data are worth: SIF calls this "no-auto" (arXiv 1906.12091, §5.4).

    The same proximal steps, each on the training batch that the weights step on next.
    """

    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        return super().architecture_step(train_loss, train_loss)
