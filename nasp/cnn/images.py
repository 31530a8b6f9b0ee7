"""`ImageData`: training, validation and test batches of images of any form."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from itertools import count
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
    Squares,
    draw_parts,
    draw_subset,
    evaluation_batches,
    evaluation_loader,
    find_images,
    load_cifar,
    open_imagenet,
    statistics,
    training_batches,
    training_loader,
)
from nasp.cnn.model_file import TrainedNetwork
from nasp.cnn.network import NetworkKind
from nasp.cnn.options import DescentOptions, TrainOptions
from nasp.errors import NaspError
from nasp.search.one_shot import pair_batches
from nasp.search.task import Pairs
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
        sha256: Digest of the data: of the whole content for CIFAR's form; of classes, labels, and
            names and sizes of the files for ImageNet's form.
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
    def pairs(self, generator: torch.Generator) -> Pairs:
        """Pair each augmented batch of an epoch with one of the held-out training images."""

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
        test: Test images, if any; they are decoded when they are evaluated.
        classes: Names of the classes.
        batch_size: Images of a training batch.
        cutout: Side of the square that is cut out of training images, in pixels.
        normalise: The normalisation; None computes it from `train`.
        sha256: Digest of the data.
    """

    kind = "cifar"

    def __init__(
        self,
        train: LabelledImages,
        valid: LabelledImages | None,
        test: Squares | None,
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

    def pairs(self, generator: torch.Generator) -> Pairs:
        images = self.valid_images
        assert images is not None, "a search holds images out"
        size = min(self.batch_size, len(images))  # there may be fewer images than a batch
        return pair_batches(
            self.train(0, generator), lambda: self._augmented(images, size, generator)
        )

    def valid(self) -> Batches | None:
        return None if self.valid_images is None else self._evaluation(self.valid_images)

    def test(self) -> Batches:
        if (images := self.test_images) is None:
            return ()
        return self._evaluation(images[torch.arange(len(images))].to(self.device))

    def _evaluation(self, images: LabelledImages) -> Batches:
        return evaluation_batches(images, EVALUATION_BATCH, self.normalise)

    def _augmented(self, images: LabelledImages, size: int, generator: torch.Generator) -> Batches:
        augment = Augment(self.normalise, cutout=self.cutout)
        return training_batches(images, size, generator, augment, drop_last=True)


class ImagesOnDisk(ImageData):
    """Images of ImageNet's form, decoded while they are used.

    Args:
        train: Loader of the augmented training images.
        architecture: Loader of the augmented held-out images, for a search; else None.
        valid: Loader of the held-out images, if any, for evaluation.
        test: Loader of the test images.
        classes: Names of the classes.
        normalise: The normalisation.
        size: Height and width of the network's input, in pixels.
        device: Device of the batches.
        sha256: Digest of the data.
        rows: Number of training images.
    """

    kind = "imagenet"

    def __init__(
        self,
        train: Loader,
        architecture: Loader | None,
        valid: Loader | None,
        test: Loader,
        classes: tuple[str, ...],
        normalise: Normalise,
        size: int,
        device: torch.device,
        sha256: str,
        rows: int,
    ) -> None:
        self.loader, self.architecture = train, architecture
        self.held_out, self.tested = valid, test
        self.classes, self.normalise = classes, normalise
        self.size, self.device = size, device
        self.sha256, self.rows = sha256, rows

    def train(self, epoch: int, generator: torch.Generator) -> Batches:
        return self.loader.epoch(epoch)

    def pairs(self, generator: torch.Generator) -> Pairs:
        architecture = self.architecture
        assert architecture is not None, "a search holds images out"
        first = int(torch.randint(1 << 62, (), generator=generator))  # determines order and crops
        passes = count(first)
        return pair_batches(self.loader.epoch(first), lambda: architecture.epoch(next(passes)))

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
    data: str, data_dir: Path | None, options: TrainOptions, seed: int, device: torch.device
) -> ImageData:
    """Find and check the images of a stand-alone training.

    Args:
        data: A name or a path.
        data_dir: Folder that holds data sets.
        options: Options of the training.
        seed: Determines which images are used and held out, and the order of ImageNet's images.
        device: Device of the training.

    Raises:
        NaspError: The data are missing, damaged or of another form, or there are fewer images than
            the options require.
    """
    path = find_images(data, data_dir)
    found = open_imagenet(path) if is_imagenet(path) else load_cifar(path)
    train, valid = held_out(len(found.train), options.images, options.validation, seed)
    if isinstance(found, EncodedSet):
        return on_disk(found, train, valid, options, seed, device, search=False)
    # Decoded now, because a damaged test image must not end a long training.
    test = found.test[torch.arange(len(found.test))]
    return in_memory(replace(found, test=test), train, valid, options, device)


def open_test(
    data: str,
    data_dir: Path | None,
    trained: TrainedNetwork,
    workers: int,
    device: torch.device,
) -> tuple[tuple[str, ...], Batches]:
    """Find and check the test images for a trained network; no training images are decoded.

    Returns:
        The names of the classes, and the normalised batches.

    Raises:
        NaspError: The data are missing, damaged, or of another form or other classes than those
            that the network was trained on.
    """
    path, network = find_images(data, data_dir), trained.network
    kind = "imagenet" if is_imagenet(path) else "cifar"
    if kind != network.kind:
        raise NaspError(
            f"{data} is of the form of {kind}, but the model was trained on images of the form of "
            f"{network.kind}: give such --data"
        )
    if kind == "cifar":
        squares = load_cifar(path, network.classes)
        test = squares.test[torch.arange(len(squares.test))].to(device)
        return squares.classes, evaluation_batches(test, EVALUATION_BATCH, trained.normalise)
    images = open_imagenet(path, network.classes)
    loader = evaluation_loader(
        images.val,
        trained.size,
        EVALUATION_BATCH,
        trained.normalise,
        device=device,
        workers=workers,
    )
    return images.classes, loader.epoch()


def in_memory(
    images: ImageSet,
    train: Tensor,
    valid: Tensor,
    options: DescentOptions,
    device: torch.device,
) -> ImagesInMemory:
    """Decode the training images at these positions, int64 `(some,)`, and hold some of them out."""
    return ImagesInMemory(
        images.train[train].to(device),
        images.train[valid].to(device) if len(valid) else None,
        images.test,
        images.classes,
        options.batch_size,
        options.cutout,
        sha256=images.sha256,
    )


def on_disk(
    images: EncodedSet,
    train: Tensor,
    valid: Tensor,
    options: DescentOptions,
    seed: int,
    device: torch.device,
    *,
    search: bool,
) -> ImagesOnDisk:
    """Make the loaders of the training images at these positions, int64 `(some,)`.

    Args:
        images: The images.
        train: Positions of the images to train on.
        valid: Positions of the held-out images.
        options: Options of the search or training.
        seed: Determines order and crops.
        device: Device of the batches.
        search: Whether an architecture is trained on the held-out images.
    """
    normalise = statistics(images.train, options.size, train)
    augmented = partial(
        training_loader,
        images.train,
        options.size,
        normalise=normalise,
        seed=seed,
        device=device,
        workers=options.workers,
    )
    evaluated = partial(
        evaluation_loader,
        size=options.size,
        batch_size=EVALUATION_BATCH,
        normalise=normalise,
        device=device,
        workers=options.workers,
    )
    fewer = min(options.batch_size, len(valid))  # there may be fewer images than a batch
    return ImagesOnDisk(
        augmented(options.batch_size, indices=train),
        augmented(fewer, indices=valid) if search else None,
        evaluated(images.train, indices=valid) if len(valid) else None,
        evaluated(images.val),
        images.classes,
        normalise,
        options.size,
        device,
        images.sha256(),
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


def halves(count: int, images: int | None, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Draw the positions of the images that train the weights, and that train the architecture.

    Args:
        count: Number of training images.
        images: Number of images to use, drawn at random; None for all.
        fraction: Share of them that trains the weights.
        seed: Determines the draw.

    Raises:
        NaspError: There are too few images.
    """
    taken = torch.arange(count)
    if images is not None:
        taken = draw_subset(count, images, generator(seed, "subset"))
    train, valid = draw_parts(len(taken), fraction, generator(seed, "halves"))
    return taken[train], taken[valid]
