"""JPEG, PNG, BMP and WebP images, which are decoded one by one."""

import io
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from nasp.errors import NaspError

FORMATS = ("JPEG", "PNG", "BMP", "WEBP")
# Limit of width × height, above that of a camera's photo; such an image takes 200 MB. Without a
# limit, a file of a few kilobytes could claim any size.
MOST_PIXELS = 1 << 26
# The exceptions that Pillow raises for bytes that are not an image, or a damaged image.
BROKEN = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


class EncodedImages(ABC):
    """The stored images of one split; can be pickled for another process.

    Attributes:
        labels: Class of each image, int64 `(images,)`.
    """

    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @abstractmethod
    def read(self, index: int) -> bytes:
        """Return the bytes of an image's file.

        Raises:
            NaspError: The image cannot be read.
        """

    @abstractmethod
    def files_and_sizes(self) -> Iterable[tuple[str, int]]:
        """Return name and size in bytes of each file; the name is relative to the data's folder."""

    @abstractmethod
    def place(self, index: int) -> str:
        """Return the place of an image, for messages."""

    def image(self, index: int) -> Image.Image:
        """Decode an image into red, green and blue.

        Raises:
            NaspError: The image cannot be read, or has no format in `FORMATS`; the message says
                which.
        """
        return decode(self.read(index), self.place(index))


def decode(
    data: bytes, place: str, broken: str = "not a complete JPEG, PNG, BMP or WebP image"
) -> Image.Image:
    """Decode an image into red, green and blue.

    Grey values of 16 bits are scaled to 8 bits. Transparency is ignored: a warning names the first
    image that has any.

    Args:
        data: The bytes of the file.
        place: The image's origin, for messages.
        broken: Description of an invalid file, for messages.

    Raises:
        NaspError: The data are not such an image, or it has more than `MOST_PIXELS`.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise NaspError(
                    f"{place} has {image.width} × {image.height} pixels: give an image of at most "
                    f"{MOST_PIXELS >> 20} million"
                )
            if image.mode.startswith("I"):  # 16 bits; `convert` would clip them to white
                grey = (np.asarray(image, np.float64) / 257).round().clip(0, 255)
                return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
            if image.has_transparency_data:
                alpha = np.asarray(image.convert("RGBA"))[:, :, 3]
                if alpha.min() < 255:
                    _warn_of_transparency(place)
            return image.convert("RGB")
    except NaspError:
        raise
    except BROKEN as error:
        large = isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning)
        reason = "far too large an image" if large else broken
        raise NaspError(f"{place} is {reason}: replace or remove it") from error


_transparent: list[str] = []  # the first image of this process with transparent pixels


def _warn_of_transparency(place: str) -> None:
    if not _transparent:
        _transparent.append(place)
        warnings.warn(
            f"{place} has transparent pixels; transparency is ignored, here and in other images",
            stacklevel=4,
        )


def pixels(image: Image.Image) -> Tensor:
    """Return an RGB image as uint8 `(3, height, width)`."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def check_labels(labels: Tensor, classes: int, place: Callable[[int], str]) -> None:
    """Check that labels are from 0 to `classes` - 1.

    Args:
        labels: int64 `(images,)`.
        classes: Number of classes.
        place: Returns the place of the image at a position, for messages.

    Raises:
        NaspError: A label is not; the message names the first.
    """
    wrong = ((labels < 0) | (labels >= classes)).nonzero()
    if len(wrong):
        row = int(wrong[0])
        raise NaspError(
            f"{place(row)}: label {int(labels[row])} is not one of 0 to {classes - 1}: correct it"
        )


def check_classes(found: int, expected: int | None, place: str) -> None:
    """Check that the number of classes is the expected one, if one is given.

    Raises:
        NaspError: It is not.
    """
    if expected not in (None, found):
        raise NaspError(
            f"{place} holds {found} classes, where {expected} are needed: give other data"
        )
