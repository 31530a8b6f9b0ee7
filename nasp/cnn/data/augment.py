"""Normalisation and augmentation of whole batches, on the images' device."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from nasp.errors import NaspError


@dataclass(frozen=True)
class Normalise:
    """Normalises bytes to mean 0 and standard deviation 1 in each channel.

    Attributes:
        mean: Mean of red, green and blue, in units of 255.
        std: Standard deviation of red, green and blue, in units of 255.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @classmethod
    def fit(cls, parts: Iterable[Tensor]) -> "Normalise":
        """Compute the normalisation of images. A constant channel is only centred.

        Args:
            parts: The images in parts, each uint8 `(some, 3, height, width)`.
        """
        counts = torch.zeros(3, 256, dtype=torch.float64)  # of each channel's values
        for part in parts:
            for channel, values in zip(counts, part.unbind(1), strict=True):
                channel += torch.bincount(values.flatten(), minlength=256).cpu()
        values = torch.arange(256, dtype=torch.float64) / 255
        share = counts / counts.sum(1, keepdim=True)
        mean = (share * values).sum(1)
        std = (share * (values - mean[:, None]).square()).sum(1).sqrt()
        return cls(_three(mean), _three(torch.where(std > 0, std, 1.0)))

    def __call__(self, images: Tensor) -> Tensor:
        """Normalise images, uint8 `(batch, 3, height, width)`, to float32 of the same shape."""
        numbers = torch.tensor([self.mean, self.std], device=images.device)
        mean, std = torch.unbind(numbers[:, :, None, None])
        return (images.float() / 255 - mean) / std


def _three(values: Tensor) -> tuple[float, float, float]:
    red, green, blue = values.tolist()
    return red, green, blue


class Draws(NamedTuple):
    """The random draws for the images of a batch, each `(batch,)`.

    Attributes:
        dy: First row of the crop in the padded image, int64.
        dx: First column of the crop in the padded image, int64.
        flip: Whether the crop is mirrored, left to right, bool.
        cut_y: Row of the cutout's centre, int64.
        cut_x: Column of the cutout's centre, int64.
    """

    dy: Tensor
    dx: Tensor
    flip: Tensor
    cut_y: Tensor
    cut_x: Tensor


@dataclass(frozen=True)
class Augment:
    """Crop, flip, normalise and cut out, as DARTS does for CIFAR-10 (DeVries and Taylor, 2017).

    Attributes:
        normalise: Mean and deviation of the channels.
        padding: Black pixels added on each side of an image, before a crop of its size is taken.
        flip: Whether half of the images are mirrored, left to right.
        cutout: Side of the square that is set to 0 after normalisation, in pixels. Its centre can
            be any pixel, so part of it may be outside of the image. 0 cuts nothing out.
    """

    normalise: Normalise
    padding: int = 4
    flip: bool = True
    cutout: int = 0

    def __post_init__(self) -> None:
        for name in ("padding", "cutout"):
            if getattr(self, name) < 0:
                raise NaspError(f"{name} is {getattr(self, name)}: give pixels, 0 or more")

    def draw(self, count: int, size: int, generator: torch.Generator) -> Draws:
        """Draw the augmentation of `count` images of `size` × `size` pixels, on the CPU."""

        def below(end: int) -> Tensor:
            return torch.randint(end, (count,), generator=generator)

        offsets = 2 * self.padding + 1
        dy, dx, flip = below(offsets), below(offsets), below(2) > 0
        return Draws(dy, dx, flip & self.flip, below(size), below(size))

    def apply(self, images: Tensor, draws: Draws) -> Tensor:
        """Augment a batch.

        Args:
            images: uint8 `(batch, 3, size, size)`.
            draws: The draws for these images, on the same device.

        Returns:
            float32 `(batch, 3, size, size)`.
        """
        size = images.shape[-1]
        pixel = torch.arange(size, device=images.device)
        rows = draws.dy[:, None] + pixel  # (batch, size)
        columns = draws.dx[:, None] + torch.where(draws.flip[:, None], size - 1 - pixel, pixel)
        padded = F.pad(images, [self.padding] * 4)
        batch = torch.arange(len(images), device=images.device)[:, None, None, None]
        channel = torch.arange(images.shape[1], device=images.device)[:, None, None]
        crops = padded[batch, channel, rows[:, None, :, None], columns[:, None, None, :]]
        normalised = self.normalise(crops)
        if not self.cutout:
            return normalised
        inside = [
            (pixel >= first) & (pixel < first + self.cutout)  # (batch, size)
            for first in (c[:, None] - self.cutout // 2 for c in (draws.cut_y, draws.cut_x))
        ]
        cut = inside[0][:, None, :, None] & inside[1][:, None, None, :]
        return normalised.masked_fill_(cut, 0.0)
