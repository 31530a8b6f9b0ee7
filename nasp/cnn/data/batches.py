"""Batches of images in memory."""

from collections.abc import Iterator

import torch
from torch import Tensor

from nasp.cnn.data.augment import Augment, Draws, Normalise
from nasp.cnn.data.labelled import LabelledImages
from nasp.errors import NaspError
from nasp.training.parallel import own_share

ImageBatch = tuple[Tensor, Tensor]
"""Images, float32 `(batch, 3, size, size)`, and labels, int64 `(batch,)`, on one device."""


def training_batches(
    labelled: LabelledImages,
    batch_size: int,
    generator: torch.Generator,
    augment: Augment,
    drop_last: bool = False,
) -> Iterator[ImageBatch]:
    """Yield this process's share of the augmented batches of an epoch, in random order.

    All draws are made at the start of the epoch, so nothing is sent to the device during it.

    Args:
        labelled: The images, on the device of the batches.
        batch_size: Images of a batch, of all processes together.
        generator: Draws order and augmentation; on the CPU, with the same state in all processes.
        augment: The augmentation.
        drop_last: Leave out a smaller last batch.

    Raises:
        NaspError: `batch_size` is less than 1; there are fewer images than one batch and
            `drop_last` is set; or a batch cannot be shared evenly by the processes.
    """
    count, device = len(labelled), labelled.images.device
    if batch_size < 1:
        raise NaspError(f"a batch_size of {batch_size}: give 1 or more")
    end = count - count % batch_size if drop_last else count
    if not end:
        raise NaspError(f"{count} images are less than one batch: give a batch_size of {count}")
    positions = torch.split(torch.arange(end, device=device), batch_size)
    for batch in (positions[0], positions[-1]):
        own_share(batch)  # raises before the first step if the batch cannot be shared
    order = torch.randperm(count, generator=generator).to(device)
    drawn = augment.draw(count, labelled.images.shape[-1], generator)
    draws = [values.to(device) for values in drawn]
    for batch in positions:
        mine = own_share(batch)
        images, labels = labelled.images[order[mine]], labelled.labels[order[mine]]
        yield augment.apply(images, Draws(*(values[mine] for values in draws))), labels


def evaluation_batches(
    labelled: LabelledImages, batch_size: int, normalise: Normalise
) -> Iterator[ImageBatch]:
    """Yield all images once, in order, in every process; the last batch may be smaller."""
    for positions in torch.split(torch.arange(len(labelled)), batch_size):
        part = slice(int(positions[0]), int(positions[-1]) + 1)
        yield normalise(labelled.images[part]), labelled.labels[part]
