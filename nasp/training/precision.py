"""Floating-point precision and memory layout of a network."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Precision:
    """Precision and memory layout of a network.

    Attributes:
        half: Whether convolutions and matrix products use bfloat16 (autocast); weights and sums
            stay in float32.
        channels_last: Whether channels vary fastest in memory. Tensor cores need this layout, and
            CPUs are twice as fast with it.
    """

    half: bool = False
    channels_last: bool = True

    def prepare(self, network: nn.Module) -> None:
        """Convert the weights to the memory layout, in place."""
        if self.channels_last:
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def autocast(self, device: torch.device) -> AbstractContextManager[object]:
        """Return the autocast context of a forward pass."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.half)

    def layout(self, images: Tensor) -> Tensor:
        """Return images `(batch, channels, height, width)` in the memory layout."""
        if self.channels_last:
            return images.contiguous(memory_format=torch.channels_last)
        return images
