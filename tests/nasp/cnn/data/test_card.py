"""Look-up of image data."""

import pytest

from nasp.cnn.data import find_images, open_imagenet
from nasp.errors import NaspError
from tests.nasp.cnn.data.made import write_folders


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    working = tmp_path / "working"
    working.mkdir()
    monkeypatch.chdir(working)
    monkeypatch.delenv("NASP_DATA", raising=False)


def make(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@pytest.mark.parametrize(
    ("file", "found"),
    [
        ("cifar10/train-0.parquet", "cifar10"),
        ("cifar10/cifar-10-python.tar.gz", "cifar10/cifar-10-python.tar.gz"),
        ("cifar10/cifar-10-batches-py/test_batch", "cifar10/cifar-10-batches-py"),
        ("cifar-10-batches-py/test_batch", "cifar-10-batches-py"),
        ("cifar-10-python.tar.gz", "cifar-10-python.tar.gz"),
    ],
)
def test_cifar10_by_its_name(tmp_path, monkeypatch, file, found):
    root = tmp_path / "data"
    make(root / file)
    assert find_images("cifar10", root) == root / found
    monkeypatch.setenv("NASP_DATA", str(root))
    assert find_images("cifar10") == root / found
    monkeypatch.delenv("NASP_DATA")
    monkeypatch.chdir(root)
    assert find_images("cifar10") == root / found


@pytest.mark.parametrize(
    ("file", "found"),
    [("own/train/a/b.png", "own"), ("own/own.tar", "own/own.tar"), ("own.tar", "own.tar")],
)
def test_any_folder_or_tar_by_its_name(tmp_path, file, found):
    make(tmp_path / file)
    assert find_images("own", tmp_path) == tmp_path / found


def test_what_is_not_there():
    with pytest.raises(NaspError, match=r"cifar10 is in none of .*working: download https://www"):
        find_images("cifar10")
    with pytest.raises(NaspError, match=r"unknown image data 'cifar1' \(did you mean 'cifar10'\?"):
        find_images("cifar1")


def test_a_set_of_ones_own_needs_a_card_alone(tmp_path):
    card = make(tmp_path / "datasets" / "birds" / "card.yaml")
    card.write_text(
        "{kind: image, title: Birds, aliases: [our-birds], homepage: h, licence: l, citation: c,"
        "format: f, counts: {classes: 3}, places: [photos/2024], obtain: take photographs}"
    )
    with pytest.raises(NaspError, match=r"birds is in none of .*: take photographs, and put it"):
        find_images("our-birds", tmp_path)
    write_folders(tmp_path / "photos" / "2024")
    for name in ("birds", "our-birds"):
        assert len(open_imagenet(find_images(name, tmp_path)).classes) > 1
