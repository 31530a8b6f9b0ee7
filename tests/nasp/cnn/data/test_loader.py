"""Batches that are decoded while they are used."""

import pytest
import torch

from nasp.cnn.data import evaluation_loader, open_imagenet, statistics, training_loader
from nasp.cnn.data.encoded_images import pixels
from nasp.cnn.data.views import CentreView, TrainingView
from nasp.errors import NaspError
from tests.nasp.cnn.data.made import SEEN, write_folders

CPU = torch.device("cpu")


@pytest.fixture
def images(tmp_path):
    write_folders(tmp_path / "images", per_class=5)
    return open_imagenet(tmp_path / "images")


def training(images, batch_size=4, seed=1, workers=0, **options):
    return training_loader(
        images.train, 8, batch_size, SEEN, seed=seed, device=CPU, workers=workers, **options
    )


def same(a, b):
    return len(a) == len(b) and all(
        torch.equal(x, y) for pair in zip(a, b, strict=True) for x, y in zip(*pair, strict=True)
    )


def seen(images, view, epoch, index):
    return SEEN(pixels(view(images.image(index), epoch, index))[None])[0]


def test_an_epoch_is_the_views_of_its_images(images):
    loader = training(images, batch_size=5)
    batches = list(loader.epoch(3))
    assert len(batches) == len(loader) == 2
    labels = torch.cat([labels for _, labels in batches])
    assert sorted(labels.tolist()) == [0] * 5 + [1] * 5 != labels.tolist()
    found = torch.cat([images for images, _ in batches])
    expected = [seen(images.train, TrainingView(8, 1), 3, index) for index in range(10)]
    places = [[i for i, x in enumerate(expected) if torch.equal(x, image)] for image in found]
    assert sorted(i for place in places for i in place) == list(range(10))
    assert [int(images.train.labels[i]) for (i,) in places] == labels.tolist()


def test_a_smaller_last_batch_is_left_out_of_training_only(images):
    assert [len(labels) for _, labels in training(images).epoch(0)] == [4, 4]
    loader = evaluation_loader(images.val, 8, 4, SEEN, device=CPU, workers=0)
    batches = list(loader.epoch())
    assert [len(labels) for _, labels in batches] == [4, 4, 2] and len(loader) == 3
    assert torch.equal(torch.cat([labels for _, labels in batches]), images.val.labels)
    expected = [seen(images.val, CentreView(8), 0, index) for index in range(10)]
    assert torch.equal(torch.cat([images for images, _ in batches]), torch.stack(expected))


def test_statistics_are_those_of_the_judged_views(images):
    chosen = torch.tensor([7, 2, 5])
    found = statistics(images.train, 8, chosen)
    views = [pixels(CentreView(8)(images.train.image(int(i)), 0, 0)) for i in chosen]
    plain = torch.stack(views).double() / 255
    assert found.mean == pytest.approx(plain.mean((0, 2, 3)).tolist())
    assert found.std == pytest.approx(plain.std((0, 2, 3), correction=0).tolist())


def test_epochs_follow_seed_and_position_alone(images):
    state = torch.get_rng_state()
    loader = training(images)
    first, second = list(loader.epoch(0)), list(loader.epoch(1))
    assert not same(first, second)
    assert same(list(training(images).epoch(1)), second)  # as a resumed run sees it
    assert same(list(loader.epoch(0)), first)
    assert not same(list(training(images, seed=2).epoch(0)), first)
    assert torch.equal(torch.get_rng_state(), state)  # the global generator is not used


def test_other_processes_decode_the_same_and_name_what_they_cannot(images, tmp_path):
    alone, loader = training(images), training(images, workers=2)
    for position in (0, 1):
        assert same(list(loader.epoch(position)), list(alone.epoch(position)))
    broken = tmp_path / "images" / "train" / "n01" / "n01_2.JPEG"
    broken.write_bytes(b"text")
    match = f"^{broken} is not a complete JPEG, PNG, BMP or WebP image: replace or remove it$"
    for one in (alone, loader):
        with pytest.raises(NaspError, match=match):
            list(one.epoch(0)) + list(one.epoch(1))


def test_processes_have_the_batch_together(images, as_process):
    alone = list(training(images).epoch(2))
    parts = []
    for rank in range(2):
        as_process(rank, 2)
        parts.append(list(training(images).epoch(2)))
    together = [
        tuple(torch.cat(pieces) for pieces in zip(*batch, strict=True))
        for batch in zip(*parts, strict=True)
    ]
    assert same(together, alone)
    evaluated = evaluation_loader(images.val, 8, 3, SEEN, device=CPU, workers=0).epoch()
    assert sum(len(labels) for _, labels in evaluated) == 10


def test_some_of_the_images(images):
    chosen = torch.tensor([1, 7, 8])
    (batch,) = evaluation_loader(
        images.train, 8, 4, SEEN, device=CPU, workers=0, indices=chosen
    ).epoch()
    assert torch.equal(batch[0][1], seen(images.train, CentreView(8), 0, 7))
    assert batch[1].tolist() == [0, 1, 1]
    ((_, labels),) = training(images, batch_size=3, indices=chosen).epoch(0)
    assert sorted(labels.tolist()) == [0, 1, 1]


def test_batches_that_cannot_be(images, as_process):
    for size in (0, 11):
        with pytest.raises(NaspError, match=f"a batch_size of {size} with 10 images"):
            training(images, batch_size=size)
    as_process(0, 4)
    with pytest.raises(NaspError, match="a batch of 6 cannot be shared evenly by 4"):
        training(images, batch_size=6)
