"""`ImageData`: training, validation and test batches of images of any form."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from nasp.cnn.data import (
    Augment,
    EncodedSet,
    ImageSet,
    LabelledImages,
    Loader,
    Normalise,
    evaluation_batches,
    evaluation_loader,
    find_images,
    load_cifar,
    open_imagenet,
    statistics,
    training_batches,
    training_loader,
)
from nasp.cnn.network import NetworkKind
from nasp.cnn.options import TrainOptions
from nasp.errors import NaspError
from nasp.training.seeding import generator

Batches = Iterable[tuple[Tensor, Tensor]]
EVALUATION_BATCH = 512  # images of a batch in evaluation


class ImageData(ABC):
    """The batches of a data set, and the kind of network that it needs.

    Attributes:
        kind: Kind of the network's stem and auxiliary head.
        classes: Names of the classes.
        normalise: The normalisation, computed from training images.
        size: Height and width of the network's input, in pixels.
        device: Device of the batches.
        sha256: Digest of the data: of all images and labels for CIFAR's form; only of classes and
            labels for ImageNet's form, because reading all images would take too long.
        rows: Number of training images.
    """

    kind: NetworkKind
    classes: tuple[str, ...]
    normalise: Normalise
    size: int
    device: torch.device
    sha256: str
    rows: int

    @abstractmethod
    def train(self, epoch: int, generator: torch.Generator) -> Batches:
        """Return this process's share of the augmented batches of an epoch."""

    @abstractmethod
    def valid(self) -> Batches | None:
        """Return all held-out training images, once; None if none are held out."""

    @abstractmethod
    def test(self) -> Batches:
        """Return all test images, once. For ImageNet they are its validation images."""


class ImagesInMemory(ImageData):
    """Images of CIFAR's form, in the memory of the device.

    Args:
        train: Images to train on.
        valid: Held-out training images, if any.
        test: Test images, if any.
        classes: Names of the classes.
        batch_size: Images of a training batch.
        cutout: Side of the square that is cut out of training images, in pixels.
        normalise: The normalisation; None computes it from `train`.
        sha256: Digest of all images and labels.
    """

    kind = "cifar"

    def __init__(
        self,
        train: LabelledImages,
        valid: LabelledImages | None,
        test: LabelledImages | None,
        classes: tuple[str, ...],
        batch_size: int,
        cutout: int,
        normalise: Normalise | None = None,
        sha256: str = "",
    ) -> None:
        self.train_images, self.valid_images, self.test_images = train, valid, test
        self.classes, self.batch_size, self.cutout = classes, batch_size, cutout
        self.normalise = normalise or Normalise.fit([train.images])
        self.size, self.device = train.images.shape[-1], train.images.device
        self.sha256, self.rows = sha256, len(train) + (0 if valid is None else len(valid))

    def train(self, epoch: int, generator: torch.Generator) -> Batches:
        return self._augmented(self.train_images, self.batch_size, generator)

    def architecture(self, generator: torch.Generator) -> Batches:
        """Return the augmented batches of a pass over the validation images."""
        images = self._validation()
        size = min(self.batch_size, len(images))  # there may be fewer images than a batch
        return self._augmented(images, size, generator)

    def valid(self) -> Batches | None:
        return None if self.valid_images is None else self._evaluation(self.valid_images)

    def test(self) -> Batches:
        return () if self.test_images is None else self._evaluation(self.test_images)

    def _validation(self) -> LabelledImages:
        assert self.valid_images is not None, "a search holds images out"
        return self.valid_images

    def _evaluation(self, images: LabelledImages) -> Batches:
        return evaluation_batches(images, EVALUATION_BATCH, self.normalise)

    def _augmented(self, images: LabelledImages, size: int, generator: torch.Generator) -> Batches:
        augment = Augment(self.normalise, cutout=self.cutout)
        return training_batches(images, size, generator, augment, drop_last=True)


class ImagesOnDisk(ImageData):
    """Images of ImageNet's form, decoded while they are used.

    Args:
        loaders: Loaders of the training images, of held-out training images, if any, and of the
            test images.
        classes: Names of the classes.
        normalise: The normalisation.
        size: Height and width of the network's input, in pixels.
        device: Device of the batches.
        sha256: Digest of classes and labels.
        rows: Number of training images.
    """

    kind = "imagenet"

    def __init__(
        self,
        loaders: tuple[Loader, Loader | None, Loader],
        classes: tuple[str, ...],
        normalise: Normalise,
        size: int,
        device: torch.device,
        sha256: str,
        rows: int,
    ) -> None:
        self.loader, self.held_out, self.tested = loaders
        self.classes, self.normalise = classes, normalise
        self.size, self.device = size, device
        self.sha256, self.rows = sha256, rows

    def train(self, epoch: int, generator: torch.Generator) -> Batches:
        return self.loader.epoch(epoch)

    def valid(self) -> Batches | None:
        return None if self.held_out is None else self.held_out.epoch()

    def test(self) -> Batches:
        return self.tested.epoch()


def is_imagenet(path: Path) -> bool:
    """Whether images have ImageNet's form: folders of classes, a tar of them, or parquet files."""
    if path.is_dir():
        shards = any(path.glob("validation-*.parquet")) or any(path.glob("val-*.parquet"))
        return shards or (path / "train").is_dir()
    return path.suffix == ".tar"


def open_images(
    data: str,
    data_dir: Path | None,
    options: TrainOptions,
    seed: int,
    device: torch.device,
    classes: int | None = None,
    normalise: Normalise | None = None,
) -> ImageData:
    """Find and check the images.

    Args:
        data: A name or a path.
        data_dir: Folder that holds data sets.
        options: Options of the training.
        seed: Determines which images are used and held out, and the order of ImageNet's images.
        device: Device of the training.
        classes: Required number of classes; None for any.
        normalise: The normalisation; None computes it from the images to train on.

    Raises:
        NaspError: The data are missing, damaged or of another form, or there are fewer images than
            the options require.
    """
    path = find_images(data, data_dir)
    if is_imagenet(path):
        return _decoded(open_imagenet(path, classes), options, seed, device, normalise)
    images = load_cifar(path, classes)
    train, valid = held_out(len(images.train), options.images, options.validation, seed)
    return ImagesInMemory(
        images.train[train].to(device),
        images.train[valid].to(device) if len(valid) else None,
        images.test.to(device),
        images.classes,
        options.batch_size,
        options.cutout,
        normalise,
        images_digest(images),
    )


def _decoded(
    images: EncodedSet,
    options: TrainOptions,
    seed: int,
    device: torch.device,
    normalise: Normalise | None,
) -> ImagesOnDisk:
    train, valid = held_out(len(images.train), options.images, options.validation, seed)
    normalise = normalise or statistics(images.train, options.size, train)
    judged = partial(
        evaluation_loader,
        size=options.size,
        batch_size=EVALUATION_BATCH,
        normalise=normalise,
        device=device,
        workers=options.workers,
    )
    loader = training_loader(
        images.train,
        options.size,
        options.batch_size,
        normalise,
        seed=seed,
        device=device,
        workers=options.workers,
        indices=train,
    )
    held, test = judged(images.train, indices=valid), judged(images.val)
    found = hashlib.sha256(repr(images.classes).encode())
    for part in (images.train, images.val):
        found.update(part.labels.numpy().tobytes())
    return ImagesOnDisk(
        (loader, held if len(valid) else None, test),
        images.classes,
        normalise,
        options.size,
        device,
        found.hexdigest(),
        len(images.train),
    )


def held_out(count: int, images: int | None, validation: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw the positions of the images to train on, and of the held-out training images.

    Raises:
        NaspError: There are too few images.
    """
    taken = count if images is None else images
    if taken > count or validation >= taken:
        raise NaspError(
            f"images={taken}, validation={validation}: there are {count} training images, and "
            "fewer than are taken can be held out"
        )
    order = torch.randperm(count, generator=generator(seed, "images"))[:taken]
    return order[validation:], order[:validation]


def images_digest(images: ImageSet) -> str:
    """Return the SHA-256 of all images and labels."""
    found = hashlib.sha256(repr(images.classes).encode())
    for part in (images.train, images.test):
        found.update(part.images.numpy().tobytes())
        found.update(part.labels.numpy().tobytes())
    return found.hexdigest()
