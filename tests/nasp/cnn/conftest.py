"""Small images in the forms that the commands read."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.nasp.cnn.data.made import image_bytes, random_images, write_parquet

torch.set_num_threads(1)  # more threads are slower for small images


def write_photos(folder: Path, size: int, classes: int = 3) -> Path:
    """48 and 20 square images whose brightness tells the class, as parquet files of PNG."""
    folder.mkdir()
    for number, (split, count) in enumerate((("train", 48), ("test", 20))):
        labels = [i % classes for i in range(count)]
        dark = random_images(count, size, seed=number) // 4
        arrays = dark + (60 * np.array(labels, np.uint8))[:, None, None, None]
        path = folder / f"{split}-00000-of-00001.parquet"
        write_parquet(path, [image_bytes(array) for array in arrays], labels, rows=count)
    return folder


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 training and 20 test images of 8 × 8 pixels, in three classes."""
    return write_photos(tmp_path_factory.mktemp("images") / "photos", 8)
