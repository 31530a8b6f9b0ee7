"""Decoding of images whose pixels are not eight bits of three colours."""

import io

import numpy as np
import pytest
from PIL import Image

from nasp.cnn.data import encoded_images
from nasp.cnn.data.encoded_images import decode


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_sixteen_bits_are_scaled_to_eight() -> None:
    values = np.array([[0, 128, 257, 1000, 32768, 65535]], np.uint16)
    image = decode(png(Image.fromarray(values)), "x")
    expected = np.round(values / 257).astype(np.uint8)
    assert image.mode == "RGB"
    assert np.array_equal(np.asarray(image), np.repeat(expected[:, :, None], 3, axis=2))


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "RGBA"])
def test_other_modes_are_converted_as_pillow_does(mode: str) -> None:
    grey = Image.fromarray(np.arange(0, 250, 10, dtype=np.uint8).reshape(5, 5))
    image = grey.convert(mode)
    assert np.array_equal(np.asarray(decode(png(image), "x")), np.asarray(image.convert("RGB")))


@pytest.mark.filterwarnings("default")
def test_the_first_transparent_image_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoded_images, "_transparent", [])
    opaque = Image.new("RGBA", (2, 2), (10, 20, 30, 255))
    clear = Image.new("RGBA", (2, 2), (10, 20, 30, 100))
    with pytest.warns(UserWarning, match="b.png has transparent pixels") as told:
        for name, image in (("a.png", opaque), ("b.png", clear), ("c.png", clear)):
            assert decode(png(image), name).getpixel((0, 0)) == (10, 20, 30)
    assert len(told) == 1
