"""The numbers that a network computes with, and how its images lie in memory."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Precision:
    """How a network is evaluated.

    Attributes:
        half: Convolutions and products in bfloat16 (autocast), weights and sums in float32.
        channels_last: Channels vary fastest in memory. Tensor cores want it, and the CPU is twice
            as fast with it.
    """

    half: bool = False
    channels_last: bool = True

    def prepare(self, network: nn.Module) -> None:
        """Lay the weights out in memory like the images, in place."""
        if self.channels_last:
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def autocast(self, device: torch.device) -> AbstractContextManager[object]:
        """The context of every evaluation."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.half)

    def layout(self, images: Tensor) -> Tensor:
        """Images `(batch, channels, height, width)` as they are to lie in memory."""
        if self.channels_last:
            return images.contiguous(memory_format=torch.channels_last)
        return images
