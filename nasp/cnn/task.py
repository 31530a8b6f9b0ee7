"""What a network is trained and judged on, whatever form the images have."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from nasp.cnn.data import (
    Augment,
    EncodedSet,
    ImageSet,
    Labelled,
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
from nasp.cnn.network import Kind
from nasp.cnn.options import TrainOptions
from nasp.errors import NaspError
from nasp.training.seeding import generator

Batches = Iterable[tuple[Tensor, Tensor]]
JUDGED = 512  # images of a batch that is only judged


@dataclass(frozen=True)
class Task:
    """Images, and the kind of network that they need.

    Attributes:
        kind: Of the network's stem and auxiliary head.
        classes: Names.
        normalise: What the images went through: it fits those that are trained on.
        size: Height and width that the network sees, in pixels.
        device: Where batches are.
        train: Starts an epoch, given its position and a generator: this process's share of each
            augmented batch.
        valid: All held-out training images, once; None if none are held out.
        test: All images to report results on, once. ImageNet's are its validation images.
    """

    kind: Kind
    classes: tuple[str, ...]
    normalise: Normalise
    size: int
    device: torch.device
    train: Callable[[int, torch.Generator], Batches]
    valid: Callable[[], Batches] | None
    test: Callable[[], Batches]


def in_memory(
    train: Labelled,
    valid: Labelled | None,
    test: Labelled | None,
    classes: tuple[str, ...],
    batch_size: int,
    cutout: int,
    normalise: Normalise | None = None,
) -> Task:
    """Images of CIFAR's form, on the device where to train; those fit `normalise` if it is None."""
    normalise = normalise or Normalise.of([train.images])
    augment = Augment(normalise, cutout=cutout)

    def judged(images: Labelled | None) -> Batches:
        return () if images is None else evaluation_batches(images, JUDGED, normalise)

    return Task(
        "cifar",
        classes,
        normalise,
        train.images.shape[-1],
        train.images.device,
        lambda epoch, random: training_batches(train, batch_size, random, augment, drop_last=True),
        None if valid is None else lambda: judged(valid),
        lambda: judged(test),
    )


def is_imagenet(path: Path) -> bool:
    """Whether images are of ImageNet's form: folders of classes, a tar of them, or its shards."""
    if path.is_dir():
        shards = any(path.glob("validation-*.parquet")) or any(path.glob("val-*.parquet"))
        return shards or (path / "train").is_dir()
    return path.suffix == ".tar"


def open_task(
    data: str,
    data_dir: Path | None,
    options: TrainOptions,
    seed: int,
    device: torch.device,
    classes: int | None = None,
    normalise: Normalise | None = None,
) -> tuple[Task, str]:
    """Find and check the images.

    Args:
        data: A name or a path.
        data_dir: Folder that holds data sets.
        options: How to train.
        seed: Draws which images are taken and held out, and the order of ImageNet's.
        device: Where to train.
        classes: How many there have to be; None takes what is there.
        normalise: What images go through; None fits it to those that are trained on.

    Returns:
        The task, and the SHA-256 of what identifies the data: all of CIFAR's images and labels; the
        classes and labels alone of ImageNet's, whose images are not read for it.

    Raises:
        NaspError: The data are missing, damaged or of another form; or there are fewer images than
            the options ask for.
    """
    path = find_images(data, data_dir)
    if is_imagenet(path):
        return _decoded(open_imagenet(path, classes), options, seed, device, normalise)
    images = load_cifar(path, classes)
    train, valid = held_out(len(images.train), options.images, options.validation, seed)
    task = in_memory(
        images.train[train].to(device),
        images.train[valid].to(device) if len(valid) else None,
        images.test.to(device),
        images.classes,
        options.batch_size,
        options.cutout,
        normalise,
    )
    return task, digest(images)


def _decoded(
    images: EncodedSet,
    options: TrainOptions,
    seed: int,
    device: torch.device,
    normalise: Normalise | None,
) -> tuple[Task, str]:
    train, valid = held_out(len(images.train), options.images, options.validation, seed)
    normalise = normalise or statistics(images.train, options.size, train)
    judged = partial(
        evaluation_loader,
        size=options.size,
        batch_size=JUDGED,
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
    task = Task(
        "imagenet",
        images.classes,
        normalise,
        options.size,
        device,
        lambda epoch, random: loader.epoch(epoch),
        held.epoch if len(valid) else None,
        test.epoch,
    )
    found = hashlib.sha256(repr(images.classes).encode())
    for part in (images.train, images.val):
        found.update(part.labels.numpy().tobytes())
    return task, found.hexdigest()


def held_out(count: int, images: int | None, validation: int, seed: int) -> tuple[Tensor, Tensor]:
    """Positions of the training images to train on, and of those that are held out.

    Raises:
        NaspError: There are not so many.
    """
    taken = count if images is None else images
    if taken > count or validation >= taken:
        raise NaspError(
            f"images={taken}, validation={validation}: there are {count} training images, and "
            "fewer than are taken can be held out"
        )
    order = torch.randperm(count, generator=generator(seed, "images"))[:taken]
    return order[validation:], order[:validation]


def digest(images: ImageSet) -> str:
    """SHA-256 of all images and labels."""
    found = hashlib.sha256(repr(images.classes).encode())
    for part in (images.train, images.test):
        found.update(part.images.numpy().tobytes())
        found.update(part.labels.numpy().tobytes())
    return found.hexdigest()
