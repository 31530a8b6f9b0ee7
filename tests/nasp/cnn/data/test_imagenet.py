"""ImageNet's forms."""

import gzip
import io
import pickle
import shutil
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from nasp.cnn.data import open_imagenet
from nasp.errors import NaspError
from tests.nasp.cnn.data.made import image_bytes, random_images, write_folders, write_parquet


@pytest.fixture
def folder(tmp_path):
    write_folders(tmp_path / "images")
    return tmp_path / "images"


def packed(folder, top="images", **options):
    path = folder.with_suffix(".tar")
    with tarfile.open(path, "w", **options) as file:
        file.add(folder, top)
    return path


def contents(images):
    return sorted(
        (label, images.place(i).rpartition("/")[2], images.read(i))
        for i, label in enumerate(images.labels.tolist())
    )


def test_a_folder(folder):
    found = open_imagenet(folder, classes=2)
    assert found.classes == ("n01", "n02")
    assert (len(found.train), len(found.val)) == (6, 6)
    assert found.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    for index in range(6):
        path = folder / "train" / f"n0{index // 3 + 1}" / f"n0{index // 3 + 1}_{index % 3}.JPEG"
        assert found.train.place(index) == str(path)
        assert found.train.read(index) == path.read_bytes()


@pytest.mark.parametrize("top", ["images", "", ".", "some/where"])
@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_a_tar_is_as_the_folder(folder, top, form):
    plain, tar = open_imagenet(folder), open_imagenet(packed(folder, top, format=form))
    assert tar.classes == plain.classes
    assert contents(tar.train) == contents(plain.train)
    assert contents(tar.val) == contents(plain.val)
    assert "images.tar: " in tar.train.place(0)


def test_the_digest_covers_names_and_sizes_in_a_folder_and_a_tar(folder):
    first = open_imagenet(folder).sha256()
    assert open_imagenet(packed(folder)).sha256() == first
    image = folder / "val" / "n01" / "n01_0.JPEG"
    image.rename(image.with_name("n01_00.JPEG"))
    renamed = open_imagenet(folder).sha256()
    with image.with_name("n01_00.JPEG").open("ab") as file:
        file.write(b"0")
    assert len({first, renamed, open_imagenet(folder).sha256()}) == 3


def test_hidden_files_and_files_beside_the_classes_are_passed_over(folder):
    (folder / "train" / "n01" / ".n01_0.JPEG").write_text("hidden")
    (folder / "train" / ".cache").mkdir()
    (folder / "train" / "notes.txt").write_text("text")
    for path in (folder, packed(folder)):
        assert len(open_imagenet(path, classes=2).train) == 6


def test_files_in_a_class_folder_that_are_not_read_are_counted(folder):
    (folder / "train" / "n01" / "notes.txt").write_text("text")
    (folder / "train" / "n02" / "more").mkdir()
    (folder / "train" / "n02" / "more" / "a.png").write_bytes(b"")
    message = (
        r"images(\.tar)?: 2 files are not read, .*train/n01/notes\.txt for example: images are"
    )
    for path in (folder, packed(folder)):
        with pytest.warns(UserWarning, match=message):
            assert len(open_imagenet(path, classes=2).train) == 6


def test_a_class_without_images_is_refused(folder):
    (folder / "train" / "n03").mkdir()
    with pytest.raises(NaspError, match="train/n03 holds no images"):
        open_imagenet(folder)
    (folder / "train" / "n03" / "a.gif").write_bytes(b"")
    for path in (folder, packed(folder)):
        with pytest.raises(NaspError, match="train/n03 holds no images"):
            open_imagenet(path)


@pytest.mark.parametrize(("suffix", "kind"), [("bmp", "BMP"), ("webp", "WEBP"), ("PNG", "PNG")])
def test_other_formats_are_read(folder, suffix, kind):
    (array,) = random_images(1, 12, seed=3)
    path = folder / "val" / "n02" / f"z.{suffix}"
    options = {"lossless": True} if kind == "WEBP" else {}
    Image.fromarray(array).save(path, kind, **options)
    found = open_imagenet(folder).val
    assert found.place(len(found) - 1) == str(path)
    assert np.array_equal(np.asarray(found.image(len(found) - 1)), array)


def test_other_processes_can_have_the_images(folder):
    for path in (folder, packed(folder)):
        images = open_imagenet(path).train
        assert contents(pickle.loads(pickle.dumps(images))) == contents(images)


@pytest.mark.parametrize("name", ["validation", "val"])
def test_parquet(tmp_path, name):
    encoded = [image_bytes(image) for image in random_images(5)]
    write_parquet(tmp_path / "train-0.parquet", encoded, [0, 2, 1, 2, 0], "image", rows=2)
    write_parquet(tmp_path / f"{name}-0.parquet", encoded[:2], [1, 2], "image")
    found = open_imagenet(tmp_path, classes=3)
    assert (len(found.train), len(found.val), found.classes) == (5, 2, ("0", "1", "2"))
    assert [found.train.read(i) for i in range(5)] == encoded
    write_parquet(tmp_path / f"{name}-0.parquet", encoded[:2], [1, 3], "image")
    refused(tmp_path, f"{name}-0.parquet, row 1: label 3 is not one of 0 to 2")


def test_the_real_images(data_dir):
    path = data_dir / "imagenet-tiny" / "imagenet-tiny.tar"
    if not path.is_file():
        pytest.skip(f"no {path}")
    found = open_imagenet(path, classes=20)
    assert torch.equal(found.train.labels.bincount(), torch.full((20,), 200))
    assert torch.equal(found.val.labels.bincount(), torch.full((20,), 50))
    for index in (0, 1999, 3999):
        assert found.train.image(index).size == (64, 64)
        assert found.classes[found.train.labels[index]] in found.train.place(index)


def test_images_of_other_colours_become_rgb(tmp_path):
    write_folders(tmp_path)
    for number, mode in enumerate(("L", "CMYK", "1")):
        file = io.BytesIO()
        Image.new(mode, (5, 4)).save(file, "PNG" if mode == "1" else "JPEG")
        (tmp_path / "train" / "n01" / f"n01_{number}.JPEG").write_bytes(file.getvalue())
    train = open_imagenet(tmp_path).train
    assert [train.image(i).mode for i in range(3)] == ["RGB"] * 3


def refused(path, match, classes=None):
    with pytest.raises(NaspError, match=match) as caught:
        open_imagenet(path, classes)
    assert "\n" not in str(caught.value)


def test_a_tar_that_is_cut_off(folder):
    path = packed(folder)
    whole = path.read_bytes()
    with tarfile.open(path) as file:
        members = [member for member in file if member.isreg()]
    # In an image, in a header, between two images, and after the last.
    last = members[-1]
    for kept in (
        members[3].offset_data + 10,
        members[3].offset + 100,
        members[3].offset,
        last.offset_data + (last.size + 511) // 512 * 512,
    ):
        path.write_bytes(whole[:kept])
        refused(path, r"images.tar is (not a complete tar|cut off).*get it again")


def test_what_is_no_data_set(folder, tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(gzip.compress(packed(folder).read_bytes()))
    refused(path, "a.tar is not a complete tar without compression")
    path.write_bytes(b"")
    refused(path, "a.tar is")
    refused(tmp_path / "none", "none: give a folder of train/<class>/ and val/<class>/")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "empty holds no train/<class>")
    refused(folder, "images holds 2 classes, where 1000 are needed", classes=1000)
    (folder / "val").rename(folder / "test")
    assert len(open_imagenet(folder).val)
    (folder / "train" / "n02").rename(folder / "train" / "n03")
    refused(folder, "no image of class n02 is in train, but some are in test")
    for split in ("train", "test"):
        for name in ("n02", "n03"):
            shutil.rmtree(folder / split / name, ignore_errors=True)
    refused(folder, "images holds one class, n01: give images of two or more")


def test_an_image_that_cannot_be_read_is_named(folder):
    tar = packed(folder)
    images = open_imagenet(tar).train
    tar.write_bytes(tar.read_bytes()[:2000])
    with pytest.raises(
        NaspError, match=r"images.tar: images/train/.*JPEG is not a complete JPEG, PNG, BMP or WebP"
    ):
        [images.image(i) for i in range(6)]
    images = open_imagenet(folder).train
    path = folder / "train" / "n01" / "n01_1.JPEG"
    for content in (b"", b"text", path.read_bytes()[:100]):
        path.write_bytes(content)
        with pytest.raises(
            NaspError, match=r"n01_1\.JPEG is not a complete JPEG, PNG, BMP or WebP image: replace"
        ):
            images.image(1)
    path.unlink()
    with pytest.raises(NaspError, match=r"n01_1\.JPEG cannot be read .No such file"):
        images.image(1)
