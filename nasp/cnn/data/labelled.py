"""Images of one size with labels, in memory, and random subsets of them."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from nasp.errors import NaspError


@dataclass(frozen=True)
class LabelledImages:
    """Images and their classes, on one device.

    Attributes:
        images: uint8 `(images, 3, size, size)`, red, green, blue from 0 to 255.
        labels: Class of each image, int64 `(images,)`.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, indices: Tensor) -> "LabelledImages":
        """Return the images at these positions, int64 `(some,)`."""
        return LabelledImages(self.images[indices], self.labels[indices])

    def to(self, device: torch.device) -> "LabelledImages":
        """Return the same images on a device."""
        return LabelledImages(self.images.to(device), self.labels.to(device))


class Squares(Protocol):
    """Square images of one size with labels, which may be decoded only when they are taken.

    `LabelledImages` are squares that are decoded.
    """

    @property
    def labels(self) -> Tensor:
        """Class of each image, int64 `(images,)`."""

    def __len__(self) -> int: ...

    def __getitem__(self, indices: Tensor) -> LabelledImages:
        """Return the images at these positions, int64 `(some,)`."""


@dataclass(frozen=True)
class ImageSet:
    """A data set as published: two splits of the same classes.

    Attributes:
        train: Training images.
        test: Test images.
        classes: Name of each class.
        sha256: Digest of the data set as it is stored.
    """

    train: Squares
    test: Squares
    classes: tuple[str, ...]
    sha256: str


def split_images(
    labelled: Squares, fraction: float, generator: torch.Generator
) -> tuple[LabelledImages, LabelledImages]:
    """Split images at random.

    Args:
        labelled: All images.
        fraction: Share of the first part, rounded to whole images.
        generator: Draws the split.

    Returns:
        Two disjoint parts that together hold all images.

    Raises:
        NaspError: A part would be empty.
    """
    first, second = draw_parts(len(labelled), fraction, generator)
    device = labelled.labels.device
    return labelled[first.to(device)], labelled[second.to(device)]


def draw_parts(count: int, fraction: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw the positions of `split_images`, for `count` images."""
    first = round(fraction * count)
    if not 0 < first < count:
        raise NaspError(
            f"a fraction of {fraction} of {count} images leaves one part empty: "
            "give one between 0 and 1"
        )
    order = torch.randperm(count, generator=generator)
    return order[:first], order[first:]


def random_subset(labelled: Squares, count: int, generator: torch.Generator) -> LabelledImages:
    """Return `count` different images, drawn at random.

    Raises:
        NaspError: `count` is less than 1 or more than the number of images.
    """
    return labelled[draw_subset(len(labelled), count, generator).to(labelled.labels.device)]


def draw_subset(count: int, taken: int, generator: torch.Generator) -> Tensor:
    """Draw `taken` of `count` positions, int64 `(taken,)`; see `random_subset`."""
    if not 0 < taken <= count:
        raise NaspError(f"{taken} of {count} images: give a number from 1 to that")
    return torch.randperm(count, generator=generator)[:taken]
