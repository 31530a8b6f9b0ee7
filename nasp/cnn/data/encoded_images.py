"""JPEG and PNG images, wherever they lie, decoded one by one."""

import io
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from nasp.errors import NaspError

FORMATS = ("JPEG", "PNG")
# Of width × height: more than a camera's photo has; decoded it takes 200 MB. A file of a few
# kilobytes can claim any size.
MOST_PIXELS = 1 << 26
# What Pillow raises for bytes that are no image, or a broken one.
BROKEN = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


class EncodedImages(ABC):
    """The images of one split, as they are stored. Can be sent to another process.

    Attributes:
        labels: Class of each, int64 `(images,)`.
    """

    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @abstractmethod
    def read(self, index: int) -> bytes:
        """The file of an image, as it is stored.

        Raises:
            NaspError: It cannot be read.
        """

    @abstractmethod
    def place(self, index: int) -> str:
        """Where an image is, for messages."""

    def image(self, index: int) -> Image.Image:
        """Decode an image into red, green and blue.

        Raises:
            NaspError: It cannot be read, or is no JPEG or PNG image; the message says which.
        """
        return decode(self.read(index), self.place(index))


def decode(data: bytes, place: str, broken: str = "no whole JPEG or PNG image") -> Image.Image:
    """Decode a JPEG or PNG image into red, green and blue.

    Args:
        data: The file.
        place: Where it is from, for messages.
        broken: What to call it if it is no such image.

    Raises:
        NaspError: It is no such image, or has more than `MOST_PIXELS`.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise NaspError(
                    f"{place} has {image.width} × {image.height} pixels: give an image of at most "
                    f"{MOST_PIXELS >> 20} million"
                )
            return image.convert("RGB")
    except NaspError:
        raise
    except BROKEN as error:
        large = isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning)
        reason = "far too large an image" if large else broken
        raise NaspError(f"{place} is {reason}: replace or remove it") from error


def pixels(image: Image.Image) -> Tensor:
    """An RGB image as uint8 `(3, height, width)`."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def check_labels(labels: Tensor, classes: int, place: Callable[[int], str]) -> None:
    """Check that labels are from 0 to `classes` - 1.

    Args:
        labels: int64 `(images,)`.
        classes: How many there are.
        place: Where the image of a position is, for messages.

    Raises:
        NaspError: One is not; the message names the first.
    """
    wrong = ((labels < 0) | (labels >= classes)).nonzero()
    if len(wrong):
        row = int(wrong[0])
        raise NaspError(
            f"{place(row)}: label {int(labels[row])} is not one of 0 to {classes - 1}: correct it"
        )


def check_classes(found: int, expected: int | None, place: str) -> None:
    """Check the number of classes against what a run was made for, if that is given.

    Raises:
        NaspError: They differ.
    """
    if expected not in (None, found):
        raise NaspError(
            f"{place} holds {found} classes, where {expected} are needed: give other data"
        )
