"""CIFAR-10, CIFAR-100 (Krizhevsky, 2009) and other data in their forms: squares of one size."""

import gzip
import hashlib
import math
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nasp.cnn.data.encoded_images import EncodedImages, check_classes, check_labels, pixels
from nasp.cnn.data.labelled import ImageSet, LabelledImages
from nasp.cnn.data.pickled import read_pickled
from nasp.cnn.data.shards import Shards
from nasp.errors import NaspError

MOST_CLASSES = 1 << 20


@dataclass(frozen=True)
class _Archive:
    """The files and keys of an archive for Python.

    Attributes:
        train: Files of the training images.
        test: File of the test images.
        meta: File of the names of the classes.
        labels: Key of the labels in a file of images.
        names: Key of the names in `meta`.
    """

    train: tuple[str, ...]
    test: str
    meta: str
    labels: str
    names: str

    @property
    def files(self) -> tuple[str, ...]:
        return (*self.train, self.test, self.meta)


CIFAR10 = _Archive(
    tuple(f"data_batch_{number}" for number in range(1, 6)),
    "test_batch",
    "batches.meta",
    "labels",
    "label_names",
)
CIFAR100 = _Archive(("train",), "test", "meta", "fine_labels", "fine_label_names")


def load_cifar(path: Path, classes: int | None = None) -> ImageSet:
    """Open the images. Those in parquet files are decoded when they are taken.

    Args:
        path: The official `cifar-10-python.tar.gz` or `cifar-100-python.tar.gz`, the folder in it
            (`cifar-10-batches-py`, `cifar-100-python`), or a folder of `train-*.parquet` and
            `test-*.parquet`. The classes of CIFAR-100 are the 100 fine ones.
        classes: Required number of classes; None for any.

    Returns:
        The images. If parquet files do not name the classes, their names are their numbers. The
        digest is that of the content of the parquet files, or of all images and labels.

    Raises:
        NaspError: A file is missing, damaged or of another form, a label is out of range, or the
            number of classes is not the required one. An image that is damaged or has another size
            than the first raises when it is taken.
    """
    if path.is_dir() and any(path.glob("*.parquet")):
        found = _from_parquet(path)
    elif any((path / name).is_file() for name in (*CIFAR10.files, *CIFAR100.files)):
        found = _from_batches(_files(path), path)
    elif path.name.endswith((".tar.gz", ".tgz")):
        found = _from_batches(_members(path), path)
    else:
        raise NaspError(
            f"{path}: give cifar-10-python.tar.gz or cifar-100-python.tar.gz, the folder in it, a "
            "folder of train-*.parquet and test-*.parquet, a folder of train/<class>/ and "
            "val/<class>/, or a .tar of such a folder"
        )
    check_classes(len(found.classes), classes, str(path))
    return found


def _from_parquet(folder: Path) -> ImageSet:
    train, test = Shards(folder, "train"), Shards(folder, "test")
    count = len(train.classes) or int(train.labels.max()) + 1
    if count > MOST_CLASSES:
        raise NaspError(f"{folder}: a label of {count - 1}: number the classes from 0")
    names = train.classes or tuple(map(str, range(count)))
    for shards in (train, test):
        check_labels(shards.labels, len(names), shards.place)
    first = train.image(0)
    if first.width != first.height:
        raise NaspError(f"{train.place(0)}: {first.width} × {first.height} pixels, not a square")
    found = hashlib.sha256()
    for path in (*train.files, *test.files):
        with path.open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return ImageSet(
        EncodedSquares(train, first.width),
        EncodedSquares(test, first.width),
        names,
        found.hexdigest(),
    )


class EncodedSquares:
    """Encoded square images of one size, which are decoded when they are taken; see `Squares`.

    Args:
        encoded: The images.
        size: Their height and width, in pixels.
    """

    def __init__(self, encoded: EncodedImages, size: int) -> None:
        self.encoded, self.size, self.labels = encoded, size, encoded.labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, indices: Tensor) -> LabelledImages:
        """Decode the images at these positions, int64 `(some,)`.

        Raises:
            NaspError: An image is damaged or has another size; the message says which.
        """
        images = torch.empty((len(indices), 3, self.size, self.size), dtype=torch.uint8)
        for row in indices.argsort().tolist():  # in order, each row group is read only once
            images[row] = self._pixels(int(indices[row]))
        return LabelledImages(images, self.labels[indices])

    def _pixels(self, index: int) -> Tensor:
        image = self.encoded.image(index)
        if image.size != (self.size, self.size):
            raise NaspError(
                f"{self.encoded.place(index)}: {image.width} × {image.height} pixels, where the "
                f"first training image has {self.size} × {self.size}: give all images one size"
            )
        return pixels(image)


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for name in (*CIFAR10.files, *CIFAR100.files):
        if (folder / name).is_file():
            yield name, (folder / name).read_bytes()


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each batch in an archive; no path in the archive is used."""
    try:
        with gzip.open(archive) as stream:
            with tarfile.open(fileobj=stream, mode="r|") as file:
                for member in file:
                    name = PurePosixPath(member.name).name
                    known = name in (*CIFAR10.files, *CIFAR100.files)
                    if known and (content := file.extractfile(member)) is not None:
                        yield name, content.read()
            while stream.read(1 << 20):
                pass  # the checksum of the whole archive is at its end
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise NaspError(f"{archive} is damaged or cut off ({error}): download it again") from error


def _from_batches(files: Iterator[tuple[str, bytes]], source: Path) -> ImageSet:
    batches = {name: read_pickled(data, f"{source}, {name}") for name, data in files}
    archive = CIFAR100 if CIFAR100.meta in batches else CIFAR10
    for name in archive.files:
        if name not in batches:
            raise NaspError(f"{source} holds no {name}: download the archive again")
    names = batches[archive.meta].get(archive.names)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise NaspError(
            f"{source}, {archive.meta} has no {archive.names}: download the archive again"
        )
    parts = {}
    for name in (*archive.train, archive.test):
        place = f"{source}, {name}"
        parts[name] = _batch(batches.pop(name), archive.labels, place)
        check_labels(parts[name].labels, len(names), partial("{}, image {}".format, place))
        size, first = (parts[one].images.shape[2] for one in (name, archive.train[0]))
        if size != first:
            raise NaspError(
                f"{place}: images of {size} × {size} pixels, where {archive.train[0]} has "
                f"{first} × {first}: give all images one size"
            )
    train = [parts[name] for name in archive.train]
    images = torch.cat([part.images for part in train])
    found = hashlib.sha256(repr(names).encode())
    for part in parts.values():
        found.update(part.images.numpy().data)
        found.update(part.labels.numpy().data)
    return ImageSet(
        LabelledImages(images, torch.cat([part.labels for part in train])),
        parts[archive.test],
        tuple(names),
        found.hexdigest(),
    )


def _batch(content: dict[str, Any], key: str, place: str) -> LabelledImages:
    """Return the images of one file, whose rows hold all red, all green, then all blue pixels."""
    data, labels = content.get("data"), content.get(key)
    if not isinstance(data, np.ndarray) or data.ndim != 2 or not isinstance(labels, list):
        raise NaspError(f"{place} has no data and {key}: download the archive again")
    size = math.isqrt(data.shape[1] // 3)
    if not size or data.shape[1] != 3 * size * size:
        raise NaspError(
            f"{place}: {data.shape[1]} bytes per image, which is not a square in 3 colours"
        )
    if len(labels) != len(data) or not labels or not all(type(label) is int for label in labels):
        raise NaspError(
            f"{place}: {len(data)} images need a whole number each, not {len(labels)} labels: "
            "download the archive again"
        )
    images = torch.from_numpy(data.reshape(-1, 3, size, size).copy())  # the bytes are read-only
    return LabelledImages(images, torch.tensor(labels))
