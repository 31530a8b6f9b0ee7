"""An operation of CNN cells: shift quarters of the channels, then mix them (arXiv 1711.08141)."""

import torch
from torch import Tensor, nn

from nasp.cnn.operations import OPERATIONS, convolution
from nasp.cnn.spaces import DARTS, SPACES
from nasp.training.batch_norm import BatchNorm


class Shift(nn.Module):
    """Moves each quarter of the channels by a pixel: down, up, right, left."""

    def forward(self, images: Tensor) -> Tensor:
        """Images `(batch, channels, height, width)` to the same."""
        steps = ((1, 2), (-1, 2), (1, 3), (-1, 3))
        parts = images.chunk(4, 1)
        return torch.cat([part.roll(*step) for part, step in zip(parts, steps, strict=False)], 1)


def shift_conv(channels: int, stride: int, affine: bool) -> nn.Module:
    """ReLU, shift, a 1 × 1 convolution, batch norm."""
    return nn.Sequential(
        nn.ReLU(),
        Shift(),
        convolution(channels, channels, 1, stride),
        BatchNorm(channels, affine=affine),
    )


OPERATIONS.add("shift_conv", shift_conv)
SPACES.add("darts_shift", ((*DARTS, "shift_conv"), DARTS))
