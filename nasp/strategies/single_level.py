"""Single-level NASP: the architecture is trained on training data, like the weights."""

from torch import Tensor

from nasp.strategies.base import Loss
from nasp.strategies.nasp import NASP


class SingleLevel(NASP):
    """NASP's steps on training instead of validation data ("no-auto" in arXiv 1906.12091, §5.4).

    Each architecture step uses the training batch of the next step of the weights.
    """

    def architecture_step(self, train_loss: Loss, valid_loss: Loss) -> Tensor:
        return super().architecture_step(train_loss, train_loss)
