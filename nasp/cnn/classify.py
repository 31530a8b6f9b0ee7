"""Classification of JPEG and PNG images with a trained network."""

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from PIL import Image

from nasp.cnn.data.encoded_images import decode, pixels
from nasp.cnn.data.views import CentreView
from nasp.cnn.model_file import TrainedNetwork, load_network
from nasp.errors import NaspError

NO_IMAGE = "not base64 of a JPEG or PNG image"


@dataclass(frozen=True)
class ImageClassifier:
    """Predicts the classes of encoded images.

    Attributes:
        trained: The network with class names and normalisation.
    """

    trained: TrainedNetwork

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read the `model.pt` of a training.

        Raises:
            NaspError: The file is not such a model, or is damaged.
        """
        return cls(load_network(Path(path)))

    @torch.no_grad()
    def __call__(self, images: Iterable[str]) -> list[str]:
        """Return the most likely class of each image.

        Args:
            images: Base64 of JPEG or PNG images. Images of another size than the training images
                are resized, and their centre is classified.

        Raises:
            NaspError: A value is not such an image; the message says which.
        """
        trained = self.trained
        view = CentreView(trained.size)
        names = []
        for position, text in enumerate(images):
            place = f"image {position + 1}"
            image = decode(_bytes(text, place), place, NO_IMAGE)
            if image.size != (trained.size, trained.size):
                image = view(image, 0, position)
            logits, _ = trained.network(trained.normalise(pixels(image)[None]))
            names.append(trained.class_names[int(logits.argmax())])
        return names


def _bytes(text: object, place: str) -> bytes:
    if not isinstance(text, str):
        raise NaspError(f"{place} is {NO_IMAGE}, but a {type(text).__name__}")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:  # binascii.Error, too
        raise NaspError(f"{place} is {NO_IMAGE} ({error})") from error


def blank(size: int) -> str:
    """Return a grey image in the form that `ImageClassifier` takes, as an example input."""
    file = io.BytesIO()
    Image.new("RGB", (size, size), (128, 128, 128)).save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode()
