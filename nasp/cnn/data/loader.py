"""Batches of images that other processes decode while the device computes."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from nasp.cnn.data.augment import Normalise
from nasp.cnn.data.batches import ImageBatch
from nasp.cnn.data.encoded_images import EncodedImages, pixels
from nasp.cnn.data.views import CentreView, TrainingView, View
from nasp.errors import NaspError
from nasp.runs.cores import cores
from nasp.training.parallel import own_share
from nasp.training.seeding import generator

Key = tuple[int, int]  # epoch and position of an image
COUNTED = 1000  # images for the statistics; decoding all would take as long as an epoch


class SeenImages(Dataset[tuple[Tensor, Tensor]]):
    """Decoded and cropped images, uint8 `(3, size, size)`, with their labels.

    The key of an item holds its epoch and position, because the decoding processes run for several
    epochs and are not told when one begins.
    """

    def __init__(self, images: EncodedImages, view: View) -> None:
        self.images, self.view = images, view

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, key: Key) -> tuple[Tensor, Tensor]:
        epoch, index = key
        seen = self.view(self.images.image(index), epoch, index)
        return pixels(seen), self.images.labels[index]


class Loader:
    """Loads the batches of epochs; made by `training_loader` or `evaluation_loader`."""

    def __init__(
        self,
        images: EncodedImages,
        view: View,
        order: "_Order",
        normalise: Normalise,
        device: torch.device,
        workers: int,
    ) -> None:
        self.seen, self.order = SeenImages(images, view), order
        self.normalise, self.device = normalise, device
        self.workers = min(workers, cores())

    def __getstate__(self) -> dict[str, Any]:
        # A copy in another process starts its own processes that decode.
        return {name: value for name, value in self.__dict__.items() if name != "loader"}

    @cached_property
    def loader(self) -> DataLoader[tuple[Tensor, Tensor]]:
        """Torch's loader; its processes start with the first epoch."""
        return DataLoader(
            self.seen,
            batch_sampler=self.order,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            # Forking a process with threads is unsafe.
            multiprocessing_context="spawn" if self.workers else None,
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),  # else each epoch would draw from the global one
        )

    def __len__(self) -> int:
        """Number of batches of an epoch."""
        return len(self.order)

    def epoch(self, position: int = 0) -> Iterator[ImageBatch]:
        """Yield the normalised batches of an epoch, on the device.

        Raises:
            NaspError: An image cannot be read; the message says which.
        """
        self.order.epoch = position
        try:
            for images, labels in self.loader:
                moved = images.to(self.device, non_blocking=True)
                yield self.normalise(moved), labels.to(self.device, non_blocking=True)
        except NaspError as error:
            # From another process the message has a traceback, whose last line is the message.
            message = str(error).strip().splitlines()[-1]
            raise NaspError(message.removeprefix("nasp.errors.NaspError: ")) from error


def training_loader(
    images: EncodedImages,
    size: int,
    batch_size: int,
    normalise: Normalise,
    *,
    seed: int,
    device: torch.device,
    workers: int,
    indices: Tensor | None = None,
) -> Loader:
    """Make a loader of this process's share of augmented batches in random order.

    A smaller last batch is left out.

    Args:
        images: The training images.
        size: Side of the network's square input, in pixels.
        batch_size: Images of a batch, of all processes together.
        normalise: Mean and deviation of the channels.
        seed: The run's seed. Seed and epoch determine the order and the augmentation.
        device: Device of the batches.
        workers: Number of processes that decode, at most one for each core; 0 decodes in this
            process.
        indices: Positions of the images to train on, int64; None for all.

    Raises:
        NaspError: There are fewer images than one batch, or a batch cannot be shared evenly.
    """
    chosen = torch.arange(len(images)) if indices is None else indices
    if not 0 < batch_size <= len(chosen):
        raise NaspError(
            f"a batch_size of {batch_size} with {len(chosen)} images: give 1 to {len(chosen)}"
        )
    own_share(chosen[:batch_size])  # raises before the first step if a batch cannot be shared
    order = _Order(chosen, batch_size, seed)
    return Loader(images, TrainingView(size, seed), order, normalise, device, workers)


def evaluation_loader(
    images: EncodedImages,
    size: int,
    batch_size: int,
    normalise: Normalise,
    *,
    device: torch.device,
    workers: int,
    indices: Tensor | None = None,
) -> Loader:
    """Make a loader of all images once, in order, in every process; the last batch may be smaller.

    The arguments are those of `training_loader`.
    """
    chosen = torch.arange(len(images)) if indices is None else indices
    order = _Order(chosen, batch_size, None)
    return Loader(images, CentreView(size), order, normalise, device, workers)


def statistics(images: EncodedImages, size: int, indices: Tensor) -> Normalise:
    """Compute the normalisation of centre crops from the first `COUNTED` images.

    Args:
        images: The training images.
        size: Side of the network's square input, in pixels.
        indices: Positions of the images to train on, in random order, int64.

    Raises:
        NaspError: An image cannot be read; the message says which.
    """
    seen = SeenImages(images, CentreView(size))
    counted, _ = indices[:COUNTED].sort()  # in order, each row group is read only once
    return Normalise.fit(seen[0, index][0][None] for index in counted.tolist())


class _Order:
    """The keys of the batches of an epoch; shuffled and shared by processes if there is a seed."""

    def __init__(self, indices: Tensor, batch_size: int, seed: int | None) -> None:
        self.indices, self.batch_size, self.seed = indices, batch_size, seed
        self.epoch = 0

    def __len__(self) -> int:
        full, rest = divmod(len(self.indices), self.batch_size)
        return full + (self.seed is None and rest > 0)

    def __iter__(self) -> Iterator[list[Key]]:
        epoch, indices = self.epoch, self.indices
        if self.seed is not None:
            random = generator(self.seed, "order", epoch)
            indices = indices[torch.randperm(len(indices), generator=random)]
        for batch in torch.split(indices, self.batch_size)[: len(self)]:
            mine = batch if self.seed is None else own_share(batch)
            yield [(epoch, index) for index in mine.tolist()]
