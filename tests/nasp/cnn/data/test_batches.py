"""Batches of images in memory."""

import pytest
import torch

from nasp.cnn.data import Augment, LabelledImages, evaluation_batches, training_batches
from nasp.errors import NaspError
from tests.nasp.cnn.data.made import SEEN, random_images

IMAGES = torch.from_numpy(random_images(22, 6).transpose(0, 3, 1, 2).copy())
DATA = LabelledImages(IMAGES, torch.arange(22))
PLAIN = Augment(SEEN, padding=0, flip=False)
FULL = Augment(SEEN, padding=2, cutout=2)


def epoch(augment=FULL, batch_size=8, seed=1, data=DATA, **options):
    generator = torch.Generator().manual_seed(seed)
    return list(training_batches(data, batch_size, generator, augment, **options))


def same(a, b):
    return len(a) == len(b) and all(
        torch.equal(x, y) for pair in zip(a, b, strict=True) for x, y in zip(*pair, strict=True)
    )


def test_an_epoch_has_every_image_once_with_its_label():
    batches = epoch(PLAIN)
    assert [len(labels) for _, labels in batches] == [8, 8, 6]
    labels = torch.cat([labels for _, labels in batches])
    assert sorted(labels.tolist()) == list(range(22)) != labels.tolist()
    assert torch.equal(torch.cat([images for images, _ in batches]), SEEN(IMAGES[labels]))


def test_the_last_batch_can_be_left_out():
    assert [len(labels) for _, labels in epoch(drop_last=True)] == [8, 8]
    assert same(epoch(drop_last=True), epoch()[:2])
    assert len(epoch(drop_last=True, batch_size=11)) == 2


def test_an_epoch_follows_the_generator():
    assert same(epoch(), epoch())
    assert not same(epoch(), epoch(seed=2))
    generator = torch.Generator().manual_seed(1)
    state = torch.get_rng_state()
    first, second = (list(training_batches(DATA, 8, generator, FULL)) for _ in range(2))
    assert same(first, epoch()) and not same(first, second)
    assert torch.equal(torch.get_rng_state(), state)  # the global generator is not used


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_have_the_batch_together(as_process, processes):
    alone = epoch(drop_last=True)
    parts = []
    for rank in range(processes):
        as_process(rank, processes)
        parts.append(epoch(drop_last=True))
    together = [
        tuple(torch.cat(pieces) for pieces in zip(*batch, strict=True))
        for batch in zip(*parts, strict=True)
    ]
    assert same(together, alone)


def test_a_batch_that_cannot_be_shared_is_refused_at_the_start(as_process):
    as_process(0, 4)
    generator = torch.Generator().manual_seed(1)
    with pytest.raises(NaspError, match="a batch of 6 cannot be shared evenly by 4"):
        next(training_batches(DATA, 8, generator, FULL))
    with pytest.raises(NaspError, match="a batch of 10 cannot be shared evenly by 4"):
        next(training_batches(DATA, 10, generator, FULL, drop_last=True))


def test_batches_that_cannot_be():
    with pytest.raises(NaspError, match="22 images are less than one batch"):
        epoch(batch_size=23, drop_last=True)
    with pytest.raises(NaspError, match="a batch_size of 0"):
        epoch(batch_size=0)


def test_evaluation_goes_through_all_in_order(as_process):
    for processes in (1, 2):
        as_process(processes - 1, processes)
        batches = list(evaluation_batches(DATA, 8, SEEN))
        assert [len(labels) for _, labels in batches] == [8, 8, 6]
        assert torch.equal(torch.cat([images for images, _ in batches]), SEEN(IMAGES))
        assert torch.equal(torch.cat([labels for _, labels in batches]), DATA.labels)
