"""Where image data lie."""

import pytest

from nasp.cnn.data import find_images
from nasp.core.errors import NaspError


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


def test_a_path_is_itself(tmp_path):
    folder = make(tmp_path / "some" / "a.tar").parent
    assert find_images(str(folder)) == folder
    assert find_images(str(folder / "a.tar")) == folder / "a.tar"


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


def test_data_dir_comes_first(tmp_path, monkeypatch):
    for name in ("a", "b", "working"):
        make(tmp_path / name / "cifar10" / "train-0.parquet")
    monkeypatch.setenv("NASP_DATA", str(tmp_path / "b"))
    assert find_images("cifar10", tmp_path / "a") == tmp_path / "a" / "cifar10"
    assert find_images("cifar10") == tmp_path / "b" / "cifar10"


def test_what_is_not_there(tmp_path, monkeypatch):
    with pytest.raises(NaspError, match=r"cifar10 is in none of .*working: download https://www"):
        find_images("cifar10")
    with pytest.raises(NaspError, match=r"unknown image data 'cifar1' \(did you mean 'cifar10'\?"):
        find_images("cifar1")
    make(tmp_path / "mine" / "a")
    with pytest.raises(NaspError, match=r"unknown image data 'mime' \(did you mean 'mine'\?"):
        find_images("mime", tmp_path)
    for path in ("a/b", "b.tar", ""):
        with pytest.raises(NaspError, match=f"'{path}': no such file or folder"):
            find_images(path)
    with pytest.raises(NaspError, match=r"data_dir: .*none is not a folder"):
        find_images("cifar10", tmp_path / "none")
    monkeypatch.setenv("NASP_DATA", str(tmp_path / "none"))
    with pytest.raises(NaspError, match=r"NASP_DATA: .*none is not a folder"):
        find_images("cifar10")
