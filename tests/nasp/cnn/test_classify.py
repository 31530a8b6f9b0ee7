"""Encoded images are classified like the network's own inputs."""

import base64
import io
import struct
import warnings
import zlib
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from mlflow.exceptions import MlflowException
from PIL import Image

from nasp.cnn.classify import ImageClassifier, blank
from nasp.cnn.model_file import load_network, save_network
from nasp.cnn.network import Network
from nasp.errors import NaspError
from tests.nasp.cnn.cells import SMALL
from tests.nasp.cnn.data.made import SEEN, image_bytes, random_images

NAMES = ("cat", "dog", "eel", "fox", "gnu")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    random = torch.Generator().manual_seed(1)
    network = Network(SMALL, 4, 3, 5, "cifar", True, random).train()
    for _ in range(9):  # changes the statistics of the batch norms
        network(torch.randn(16, 3, 8, 8, generator=random))
    made = tmp_path_factory.mktemp("model") / "model.pt"
    save_network(made, network, NAMES, SEEN, 8)
    return made


def text(array, kind="PNG"):
    return base64.b64encode(image_bytes(array, kind)).decode()


def test_the_class_is_the_networks_largest_logit(path):
    arrays, model = random_images(20), load_network(path)
    with torch.no_grad():
        images = torch.from_numpy(arrays.transpose(0, 3, 1, 2).copy())
        numbers = model.network(model.normalise(images))[0].argmax(1).tolist()
    assert ImageClassifier.load(path)([text(array) for array in arrays]) == [
        NAMES[n] for n in numbers
    ]
    assert len(set(numbers)) > 1


@pytest.mark.parametrize(
    "broken", ["no base64!", "aGVsbG8=", "é", "", True, 3, 1.5, None, b"x", []]
)
def test_a_broken_image_is_named(broken, path):
    with pytest.raises(NaspError, match="image 2 is not base64 of a JPEG or PNG") as caught:
        ImageClassifier.load(path)([text(random_images(1)[0]), broken])
    assert "\n" not in str(caught.value)


def test_a_cut_off_image_is_named(path):
    whole = image_bytes(random_images(1, 64)[0])
    with pytest.raises(NaspError, match="image 1 is not base64"):
        ImageClassifier.load(path)([base64.b64encode(whole[: len(whole) // 2]).decode()])


@pytest.mark.parametrize("side", [8200, 13_000, 40_000])
def test_a_small_file_of_many_pixels_takes_no_memory(side, path):
    header = io.BytesIO()
    Image.new("1", (8, 8)).save(header, "PNG")
    size = struct.pack(">II", side, side)
    head = b"IHDR" + size + header.getvalue()[24:29]
    data = header.getvalue()[:12] + head + struct.pack(">I", zlib.crc32(head))
    claimed = base64.b64encode(data + header.getvalue()[33:]).decode()
    with pytest.raises(NaspError, match=r"^image 2 (has .* at most 64 million|is far too large)"):
        ImageClassifier.load(path)([text(random_images(1)[0]), claimed])


def test_served_mistakes_are_one_line_that_a_server_answers_with(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns about type hints
        from nasp.cnn.serving import ServedClassifier

        served = ServedClassifier()
    served.load_context(SimpleNamespace(artifacts={"model": path}, model_config=None))
    assert served.predict(None, pd.DataFrame({"image": [blank(8)]})).shape == (1,)
    for table, message in (
        (pd.DataFrame({"image": [blank(8), True]}), "image 2 is not base64 .*, but a bool"),
        (pd.DataFrame({"picture": [blank(8)]}), "a column 'image' is needed"),
    ):
        with pytest.raises(MlflowException, match=message) as caught:
            served.predict(None, table)
        assert caught.value.get_http_status_code() == 400


def test_other_sizes_and_modes_are_seen_in_the_centre(path):
    classify = ImageClassifier.load(path)
    plain = [np.full(shape, 200, np.uint8) for shape in ((30, 17), (8, 8, 3), (8, 8, 4), (3, 5))]
    plain[2][..., 3] = 255
    assert len(set(classify([text(array) for array in plain]))) == 1
    # Only the centre of a wide image counts.
    middle = random_images(1, 64)[0]
    wide = np.pad(middle, ((0, 0), (64, 64), (0, 0)))
    assert classify([text(wide)]) == classify([text(middle)])


def test_no_image_has_no_class(path):
    assert ImageClassifier.load(path)([]) == []


def test_the_example_is_an_image_of_the_size(path):
    assert ImageClassifier.load(path)([blank(8)]) == ImageClassifier.load(path)([blank(80)])
