"""CIFAR-10's forms."""

import io
import pickle
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import torch

from nasp.cnn.data import load_cifar
from nasp.cnn.data.cifar import CIFAR10
from nasp.errors import NaspError
from tests.nasp.cnn.data.made import (
    NAMES,
    cifar_batches,
    image_bytes,
    python2,
    random_images,
    write_parquet,
)


def write_folder(folder, content, dump=python2):
    folder.mkdir()
    for name, value in content.items():
        (folder / name).write_bytes(dump(value))
    return folder


def write_archive(path, content):
    with tarfile.open(path, "w:gz") as file:
        for name, value in content.items():
            data = python2(value)
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return path


def decoded(squares):
    return squares[torch.arange(len(squares))].images


def same_as_batches(found, content):
    rows = [content[name]["data"] for name in CIFAR10.train]
    size = found.train.images.shape[-1]
    planes = np.concatenate(rows).reshape(-1, 3, size, size)  # red, green, blue; row by row
    assert found.train.images.dtype == torch.uint8
    np.testing.assert_array_equal(found.train.images.numpy(), planes)
    assert found.train.labels.tolist() == [
        i for name in CIFAR10.train for i in content[name]["labels"]
    ]
    np.testing.assert_array_equal(
        found.test.images.numpy().reshape(planes.shape[0] // 5, -1), content["test_batch"]["data"]
    )
    assert found.test.labels.tolist() == content["test_batch"]["labels"]
    return found.classes == tuple(NAMES)


def test_the_archive_and_its_folder(tmp_path):
    content = cifar_batches()
    archive = write_archive(tmp_path / "cifar-10-python.tar.gz", content)
    assert same_as_batches(load_cifar(archive, classes=3), content)
    assert same_as_batches(load_cifar(write_folder(tmp_path / "a", content)), content)
    newer = write_folder(tmp_path / "b", content, lambda value: pickle.dumps(value, protocol=2))
    assert same_as_batches(load_cifar(newer), content)


def cifar100():
    """The files of CIFAR-100's archive, with three fine classes in two coarse ones."""
    batches = cifar_batches()
    files = {}
    for name, old in (("train", "data_batch_1"), ("test", "test_batch")):
        files[name] = {key: batches[old][key] for key in ("data", "filenames", "batch_label")}
        files[name]["fine_labels"] = batches[old]["labels"]
        files[name]["coarse_labels"] = [label // 2 for label in batches[old]["labels"]]
    return {**files, "meta": {"fine_label_names": NAMES, "coarse_label_names": ["a", "b"]}}


def test_cifar100s_archive_and_its_folder_have_the_fine_classes(tmp_path):
    content = cifar100()
    archive = write_archive(tmp_path / "cifar-100-python.tar.gz", content)
    for path in (archive, write_folder(tmp_path / "cifar-100-python", content)):
        found = load_cifar(path)
        assert found.classes == tuple(NAMES)
        for part, name in ((found.train, "train"), (found.test, "test")):
            assert part.labels.tolist() == content[name]["fine_labels"]
            np.testing.assert_array_equal(
                part.images.numpy().reshape(len(part), -1), content[name]["data"]
            )
    (tmp_path / "cifar-100-python" / "test").unlink()
    with pytest.raises(NaspError, match="cifar-100-python holds no test: download"):
        load_cifar(tmp_path / "cifar-100-python")


@pytest.mark.parametrize("column", ["img", "image"])
def test_parquet(tmp_path, column):
    images = random_images(7)
    encoded = [image_bytes(image) for image in images]
    write_parquet(tmp_path / "train-00000-of-00002.parquet", encoded[:4], [0, 1, 2, 0], column)
    write_parquet(tmp_path / "train-00001-of-00002.parquet", encoded[4:5], [1], column)
    write_parquet(tmp_path / "test-00000-of-00001.parquet", encoded[5:], [2, 0], column)
    found = load_cifar(tmp_path, classes=3)
    np.testing.assert_array_equal(decoded(found.train), images[:5].transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(decoded(found.test), images[5:].transpose(0, 3, 1, 2))
    assert found.train.labels.tolist() == [0, 1, 2, 0, 1]
    assert found.classes == ("0", "1", "2")


def test_only_the_images_that_are_taken_are_decoded(tmp_path):
    """In order, so that each row group is read once, and returned in the asked order."""
    images = random_images(9)
    encoded = [image_bytes(image) for image in images]
    write_parquet(tmp_path / "train-0.parquet", [*encoded[:6], b"broken"], [0, 1, 2] * 2 + [0])
    write_parquet(tmp_path / "test-0.parquet", [b"broken"], [0])
    found = load_cifar(tmp_path)
    places = []
    read = found.train.encoded.read
    found.train.encoded.read = lambda index: places.append(index) or read(index)
    part = found.train[torch.tensor([5, 0, 3])]
    np.testing.assert_array_equal(part.images, images[[5, 0, 3]].transpose(0, 3, 1, 2))
    assert part.labels.tolist() == [2, 0, 0]
    assert places == [0, 3, 5]
    with pytest.raises(NaspError, match=r"train-0\.parquet, row 6 is not a complete"):
        found.train[torch.tensor([6])]
    with pytest.raises(NaspError, match=r"test-0\.parquet, row 0 is not a complete"):
        found.test[torch.tensor([0])]


def test_the_digest_covers_the_content(tmp_path):
    content = cifar_batches()
    first = load_cifar(write_archive(tmp_path / "cifar-10-python.tar.gz", content)).sha256
    assert load_cifar(write_folder(tmp_path / "a", content)).sha256 == first
    content["test_batch"]["data"][0, 0] ^= 1
    assert load_cifar(write_folder(tmp_path / "b", content)).sha256 != first
    encoded = [image_bytes(image) for image in random_images(4)]
    digests = []
    for name, labels in (("c", [0, 1]), ("d", [0, 1]), ("e", [1, 0])):
        folder = tmp_path / name
        folder.mkdir()
        write_parquet(folder / "train-0.parquet", encoded[:2], labels)
        write_parquet(folder / "test-0.parquet", encoded[2:], [0, 1])
        digests.append(load_cifar(folder).sha256)
    assert digests[0] == digests[1] != digests[2]


def test_the_real_data(data_dir, tmp_path):
    real = data_dir / "cifar10"
    if not any(real.glob("train-*.parquet")):
        pytest.skip(f"no train-*.parquet in {real}")
    for split in ("train", "test"):
        file = parquet.ParquetFile(next(real.glob(f"{split}-*.parquet")))
        first = pa.Table.from_batches([next(file.iter_batches(200))])
        parquet.write_table(first, tmp_path / f"{split}-00000-of-00001.parquet")
    found = load_cifar(tmp_path, classes=10)
    images = decoded(found.train)
    assert images.shape == (200, 3, 32, 32)
    assert set(found.train.labels.tolist()) == set(range(10))
    mean = images.double().mean((0, 2, 3)) / 255
    assert torch.allclose(mean, torch.tensor([0.491, 0.482, 0.447]).double(), atol=0.03)


def refused(path, match, classes=None):
    with pytest.raises(NaspError, match=match) as caught:
        found = load_cifar(path, classes)
        decoded(found.train), decoded(found.test)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", CIFAR10.files)
def test_a_missing_batch_is_named(tmp_path, name):
    content = cifar_batches()
    del content[name]
    refused(write_folder(tmp_path / "a", content), f"a holds no {name}: download")
    refused(write_archive(tmp_path / "a.tar.gz", content), f"a.tar.gz holds no {name}: download")


@pytest.mark.parametrize("kept", [0, 10, 0.5, -20])
def test_an_archive_that_is_cut_off(tmp_path, kept):
    path = write_archive(tmp_path / "a.tar.gz", cifar_batches())
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data)) if 0 < kept < 1 else kept])
    refused(path, "a.tar.gz is damaged or cut off")


def test_an_archive_that_was_changed_on_its_way(tmp_path):
    path = write_archive(tmp_path / "a.tar.gz", cifar_batches())
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    refused(path, "a.tar.gz is damaged or cut off|a.tar.gz, .* is not a file of")


def test_batches_of_another_form(tmp_path):
    def changed(name, batch, **values):
        content = cifar_batches()
        content[batch] |= values
        return write_folder(tmp_path / name, content)

    data = cifar_batches(size=6)["data_batch_3"]["data"]
    refused(changed("a", "data_batch_3", data=data), "data_batch_3: images of 6 × 6 pixels.* 8 × 8")
    refused(changed("b", "test_batch", labels=[0, 1, 3, 2]), "test_batch, image 2: label 3 is not")
    refused(changed("c", "data_batch_1", labels=[0, -1, 1, 2]), "data_batch_1, image 1: label -1")
    refused(changed("d", "data_batch_1", labels=[0]), "4 images need a whole number each")
    refused(changed("e", "data_batch_1", labels="0000"), "data_batch_1 has no data and labels")
    refused(changed("f", "data_batch_1", data=data[:, :100]), "100 bytes per image, which is not")
    refused(changed("g", "batches.meta", label_names="cat"), "meta has no label_names")


def test_other_classes_than_expected(tmp_path):
    folder = write_folder(tmp_path / "a", cifar_batches())
    refused(folder, "a holds 3 classes, where 10 are needed", classes=10)


def test_what_is_no_data_set(tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    refused(tmp_path / "notes.txt", "give cifar-10-python.tar.gz")
    refused(tmp_path / "none", "give cifar-10-python.tar.gz")
    refused(tmp_path, r"a folder of train/<class>/ and val/<class>/")


def write_splits(folder, train, test, train_labels, test_labels):
    write_parquet(folder / "train-0.parquet", train, train_labels)
    write_parquet(folder / "test-0.parquet", test, test_labels)


def test_parquet_images_of_another_size_or_label(tmp_path):
    encoded = [image_bytes(image) for image in random_images(5)]
    other = image_bytes(random_images(1, size=6)[0])
    write_splits(tmp_path, encoded, [*encoded[:4], other], [0, 1, 2, 0, 1], [0, 1, 2, 0, 1])
    refused(
        tmp_path, "test-0.parquet, row 4: 6 × 6 pixels, where the first training image has 8 × 8"
    )
    write_splits(tmp_path, encoded, encoded, [0, 1, 2, 0, 1], [0, 1, 2, 0, 3])
    refused(tmp_path, "test-0.parquet, row 4: label 3 is not one of 0 to 2")
    refused(tmp_path, "test-0.parquet, row 4: label 3", classes=3)
    write_splits(tmp_path, encoded, encoded, [0, 1, -1, 0, 1], [0, 1, 1, 0, 1])
    refused(tmp_path, "train-0.parquet, row 2: label -1")
    oblong = image_bytes(np.zeros((4, 6, 3), np.uint8))
    write_splits(tmp_path, [oblong], encoded, [0], [0] * 5)
    refused(tmp_path, "train-0.parquet, row 0: 6 × 4 pixels, not a square")
    write_splits(tmp_path, [*encoded[:4], b"none"], encoded, [0] * 5, [0] * 5)
    refused(
        tmp_path, "train-0.parquet, row 4 is not a complete JPEG, PNG, BMP or WebP image: replace"
    )
