"""Crops of ImageNet's images: random ones for training, centre crops for evaluation."""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from PIL import Image, ImageEnhance

from nasp.training.seeding import generator

BILINEAR = Image.Resampling.BILINEAR
AREA = (0.08, 1.0)  # area of the crop, as a share of the image
RATIO = (3 / 4, 4 / 3)  # ratio of the crop's width to its height
TRIES = 10
JITTER = 0.4  # largest relative change of brightness, contrast and saturation
HUE = 0.2  # largest change of hue, as a share of the circle
RESIZE = 256 / 224  # ratio of the short side to the side of the centre crop


class View(Protocol):
    """Crops an image to the network's square input."""

    def __call__(self, image: Image.Image, epoch: int, index: int) -> Image.Image:
        """Crop an RGB image, given the epoch and its position in the data set."""


@dataclass(frozen=True)
class TrainingView:
    """A random crop, mirrored at random and with changed colours, as in DARTS's ImageNet training.

    Seed, epoch and position determine all random numbers. So an image depends neither on the number
    of processes nor on whether a run was resumed.

    Attributes:
        size: Side of the square, in pixels.
        seed: The run's seed.
    """

    size: int
    seed: int

    def __call__(self, image: Image.Image, epoch: int, index: int) -> Image.Image:
        random = generator(self.seed, "view", epoch, index)
        seen = image.crop(random_box(image.width, image.height, random))
        seen = seen.resize((self.size, self.size), BILINEAR)
        if torch.rand((), generator=random) < 0.5:
            seen = seen.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return jitter(seen, random)


@dataclass(frozen=True)
class CentreView:
    """The centre crop of an image whose short side is resized to a little more than the square.

    Attributes:
        size: Side of the square, in pixels.
    """

    size: int

    def __call__(self, image: Image.Image, epoch: int, index: int) -> Image.Image:
        short = min(image.size)
        width, height = (round(RESIZE * self.size) * side // short for side in image.size)
        left, top = (width - self.size) // 2, (height - self.size) // 2
        resized = image.resize((width, height), BILINEAR)
        return resized.crop((left, top, left + self.size, top + self.size))


def random_box(width: int, height: int, random: torch.Generator) -> tuple[int, int, int, int]:
    """Draw a crop (Szegedy et al., 2015): area and logarithm of the ratio are uniform.

    If all of several tries exceed the image, the largest centre crop of an allowed ratio is taken.

    Args:
        width: Width of the image, in pixels.
        height: Height of the image, in pixels.
        random: Source of the random numbers.

    Returns:
        Left, top, right and bottom of the crop, in pixels.
    """
    low, high = (math.log(ratio) for ratio in RATIO)
    for _ in range(TRIES):
        area, ratio = torch.rand(2, generator=random, dtype=torch.float64).tolist()
        area = width * height * (AREA[0] + area * (AREA[1] - AREA[0]))
        ratio = math.exp(low + ratio * (high - low))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left = int(torch.randint(width - w + 1, (), generator=random))
            top = int(torch.randint(height - h + 1, (), generator=random))
            return left, top, left + w, top + h
    ratio = min(max(width / height, RATIO[0]), RATIO[1])
    w, h = min(width, round(height * ratio)), min(height, round(width / ratio))
    left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h


def jitter(image: Image.Image, random: torch.Generator) -> Image.Image:
    """Change brightness, contrast, saturation and hue by random amounts, in random order."""
    changes = torch.rand(4, generator=random, dtype=torch.float64) * 2 - 1
    enhancers = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
    for which in torch.randperm(4, generator=random).tolist():
        change = float(changes[which])
        if which < len(enhancers):
            image = enhancers[which](image).enhance(1 + JITTER * change)
        else:
            image = shift_hue(image, HUE * change)
    return image


def shift_hue(image: Image.Image, shift: float) -> Image.Image:
    """Shift all hues of an RGB image by a share of the circle, rounded to a 256th."""
    hue, saturation, value = image.convert("HSV").split()
    turned = hue.point([(h + round(256 * shift)) % 256 for h in range(256)])
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")
