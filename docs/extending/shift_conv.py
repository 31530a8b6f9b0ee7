"""An operation of CNN cells: shifted channels and a 1 × 1 convolution (arXiv 1711.08141)."""

import torch
from torch import Tensor, nn

from nasp.cnn.operations import OPERATIONS, convolution
from nasp.cnn.spaces import DARTS, SPACES
from nasp.training.batch_norm import BatchNorm


class Shift(nn.Module):
    """Shifts each quarter of the channels by a pixel: down, up, right, left."""

    def forward(self, images: Tensor) -> Tensor:
        """Shift images `(batch, channels, height, width)`."""
        steps = ((1, 2), (-1, 2), (1, 3), (-1, 3))
        parts = images.chunk(4, 1)
        return torch.cat([part.roll(*step) for part, step in zip(parts, steps, strict=False)], 1)


def shift_conv(channels: int, stride: int, affine: bool) -> nn.Module:
    """Make ReLU, shift, 1 × 1 convolution and batch norm."""
    return nn.Sequential(
        nn.ReLU(),
        Shift(),
        convolution(channels, channels, 1, stride),
        BatchNorm(channels, affine=affine),
    )


OPERATIONS.add("shift_conv", shift_conv)
SPACES.add("darts_shift", ((*DARTS, "shift_conv"), DARTS))
