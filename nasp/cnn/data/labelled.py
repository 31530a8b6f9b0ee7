"""Images of one size with labels, in memory, and random subsets of them."""

from dataclasses import dataclass

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


@dataclass(frozen=True)
class ImageSet:
    """A data set as published: two splits of the same classes.

    Attributes:
        train: Training images.
        test: Test images.
        classes: Name of each class.
    """

    train: LabelledImages
    test: LabelledImages
    classes: tuple[str, ...]


def split_images(
    labelled: LabelledImages, fraction: float, generator: torch.Generator
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
    count = round(fraction * len(labelled))
    if not 0 < count < len(labelled):
        raise NaspError(
            f"a fraction of {fraction} of {len(labelled)} images leaves one part empty: "
            "give one between 0 and 1"
        )
    order = torch.randperm(len(labelled), generator=generator).to(labelled.labels.device)
    return labelled[order[:count]], labelled[order[count:]]


def random_subset(
    labelled: LabelledImages, count: int, generator: torch.Generator
) -> LabelledImages:
    """Return `count` different images, drawn at random.

    Raises:
        NaspError: `count` is less than 1 or more than the number of images.
    """
    if not 0 < count <= len(labelled):
        raise NaspError(f"{count} of {len(labelled)} images: give a number from 1 to that")
    order = torch.randperm(len(labelled), generator=generator).to(labelled.labels.device)
    return labelled[order[:count]]
