"""What training images go through, a whole batch at once on the images' device."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from nasp.core.errors import NaspError

CHUNK = 1000  # images whose sums are taken at once


@dataclass(frozen=True)
class Normalise:
    """From bytes to numbers of mean 0 and deviation 1 in each channel.

    Attributes:
        mean: Mean of red, green and blue, in units of 255.
        std: Standard deviation of red, green and blue, in units of 255.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @classmethod
    def of(cls, images: Tensor) -> "Normalise":
        """What fits these images, uint8 `(images, 3, height, width)`; exact sums of whole numbers.

        Raises:
            NaspError: A channel is the same everywhere.
        """
        count = images[:, 0].numel()
        sums = torch.zeros(2, 3, dtype=torch.int64, device=images.device)
        for chunk in torch.split(images, CHUNK):
            x = chunk.long()
            sums += torch.stack([x.sum((0, 2, 3)), x.square().sum((0, 2, 3))])
        totals, squares = sums.tolist()
        mean = [total / count for total in totals]
        # count · Σx² - (Σx)² has no rounding: Python's integers have no largest one.
        parts = [count * s - t * t for t, s in zip(totals, squares, strict=True)]
        if not all(parts):
            raise NaspError("a channel of the training images has one value everywhere")
        std = [part**0.5 / count for part in parts]
        (r, g, b), (dr, dg, db) = mean, std
        return cls((r / 255, g / 255, b / 255), (dr / 255, dg / 255, db / 255))

    def __call__(self, images: Tensor) -> Tensor:
        """Images uint8 `(batch, 3, height, width)` to float32 of the same shape."""
        numbers = torch.tensor([self.mean, self.std], device=images.device)
        mean, std = torch.unbind(numbers[:, :, None, None])
        return (images.float() / 255 - mean) / std


# As DARTS and its successors have them, and as is usual for ImageNet.
CIFAR10 = Normalise((0.49139968, 0.48215827, 0.44653124), (0.24703233, 0.24348505, 0.26158768))
IMAGENET = Normalise((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class Draws(NamedTuple):
    """What was drawn for each image of a batch, each `(batch,)`.

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
        padding: Black pixels on each side of an image, from which a crop of its size is taken.
        flip: Mirror one of two images, left to right.
        cutout: Side of the square that is set to 0 after normalisation, in pixels. Its centre is
            any pixel, what is outside of the image is lost. 0 cuts nothing out.
    """

    normalise: Normalise = CIFAR10
    padding: int = 4
    flip: bool = True
    cutout: int = 0

    def __post_init__(self) -> None:
        for name in ("padding", "cutout"):
            if getattr(self, name) < 0:
                raise NaspError(f"{name} is {getattr(self, name)}: give pixels, 0 or more")

    def draw(self, count: int, size: int, generator: torch.Generator) -> Draws:
        """Draw for `count` images of `size` × `size` pixels, from a CPU generator."""

        def below(end: int) -> Tensor:
            return torch.randint(end, (count,), generator=generator)

        offsets = 2 * self.padding + 1
        dy, dx, flip = below(offsets), below(offsets), below(2) > 0
        return Draws(dy, dx, flip & self.flip, below(size), below(size))

    def apply(self, images: Tensor, draws: Draws) -> Tensor:
        """Augment a batch.

        Args:
            images: uint8 `(batch, 3, size, size)`.
            draws: What was drawn for them, on the same device.

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
