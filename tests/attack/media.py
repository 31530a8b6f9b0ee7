"""Images and texts that are damaged, huge, or of another kind."""

import io
import os
import pickle
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

from nasp import cnn_train, rnn_train
from tests.attack.harness import Case, Expected
from tests.attack.made import ONCE, Made
from tests.attack.mutate import bytes_of
from tests.nasp.cnn.data.made import (
    cifar_batches,
    image_bytes,
    python2,
    random_images,
    write_folders,
    write_parquet,
)

CNN = [
    *("--channels", "2", "--layers", "2", "--batch_size", "4", "--epochs", "1"),
    *("--validation", "4", *ONCE),
]
RNN = [
    *("--emsize", "4", "--nhid", "4", "--batch_size", "4", "--bptt", "6", "--epochs", "1"),
    *("--genotype", "darts_v1", *ONCE),
]


def claimed(width: int, height: int) -> bytes:
    """Make a small PNG that claims to have another size."""
    whole = image_bytes(np.zeros((8, 8, 3), np.uint8))
    head = b"IHDR" + struct.pack(">II", width, height) + whole[24:29]
    return whole[:12] + head + struct.pack(">I", zlib.crc32(head)) + whole[33:]


def parquet_images(made: Made, folder: Path, random: Random) -> Iterator[Case]:
    """Images in parquet files: the files' bytes, one image, the labels."""
    data = folder / "photos"
    shutil.copytree(made.photos, data)
    path = next(data.glob("train-*"))
    command = _cnn(made, data, folder / "run")
    whole = path.read_bytes()
    yield Case("as they are", command, "accepted")
    for name, changed in bytes_of(whole, random, 40):
        path.write_bytes(changed)
        yield Case(name, command)
    images = [image_bytes(array) for array in random_images(12)]
    labels = [i % 3 for i in range(12)]
    odd: list[tuple[str, bytes | None, Expected]] = [
        ("nothing", b"", "refused"),
        ("no bytes", None, "refused"),
        ("text", b"hello", "refused"),
        ("half an image", images[0][: len(images[0]) // 2], "refused"),
        ("another size", image_bytes(random_images(1, 9)[0]), "refused"),
        ("not square", image_bytes(np.zeros((8, 9, 3), np.uint8)), "refused"),
        ("grey", image_bytes(np.zeros((8, 8), np.uint8)), "either"),
        ("with transparency", image_bytes(np.zeros((8, 8, 4), np.uint8)), "either"),
        ("JPEG", image_bytes(random_images(1)[0], "JPEG"), "either"),
        ("GIF", image_bytes(random_images(1)[0], "GIF"), "refused"),
        ("169 million pixels", claimed(13_000, 13_000), "refused"),
        ("a line of 2 billion pixels", claimed(2_000_000_000, 1), "refused"),
        ("no pixels", claimed(0, 0), "refused"),
    ]
    for name, image, expected in odd:
        for place in (0, 5):
            cells = [*images[:place], image, *images[place + 1 :]]
            write_parquet(path, cells, labels, rows=12)
            yield Case(f"{name} at {place}", command, expected)
    for name, column in (
        ("a label of -1", [-1, *labels[1:]]),
        ("a label of 2^40", [2**40, *labels[1:]]),
        ("no label", [None, *labels[1:]]),
        ("labels of text", ["a"] * 12),
        ("labels of fractions", [0.5] * 12),
        ("labels in lists", [[1]] * 12),
    ):
        write_parquet(path, images, column, rows=12)
        yield Case(name, command, "refused")
    write_parquet(path, images[:0], pa.array([], pa.int64()), rows=12)
    yield Case("no images", command, "refused")
    parquet.write_table(pa.table({"img": ["x"] * 12, "label": labels}), path)
    yield Case("images of text", command, "refused")
    parquet.write_table(pa.table({"a": [1]}), path)
    yield Case("other columns", command, "refused")
    path.unlink()
    os.mkfifo(path)
    yield Case("a named pipe", command, "refused")


def image_folders(made: Made, folder: Path, random: Random) -> Iterator[Case]:
    """Images as files in folders for the classes, and as a tar of them."""
    data = folder / "photos"
    write_folders(data, per_class=4, size=32)
    command = _cnn(made, data, folder / "run", "--size", "32", "--workers", "0")
    first = next((data / "train" / "n01").iterdir())
    whole = first.read_bytes()
    yield Case("as they are", command, "accepted")
    for name, changed in bytes_of(whole, random, 12):
        first.write_bytes(changed)
        yield Case(name, command)
    odd = {"nothing": b"", "text": b"hello", "pixels": claimed(13_000, 13_000)}
    odd |= {"half": whole[: len(whole) // 2]}
    for name, content in odd.items():
        first.write_bytes(content)
        yield Case(f"{name} for an image", command, "refused")
    first.unlink()
    os.mkfifo(first)
    yield Case("a named pipe", command, "refused")
    first.unlink()
    first.mkdir()
    yield Case("a folder for an image", command, "refused")
    first.rmdir()
    first.symlink_to(first)
    yield Case("a link to itself", command, "refused")
    first.unlink()
    first.write_bytes(whole)
    packed = folder / "photos.tar"
    with tarfile.open(packed, "w") as archive:
        archive.add(data, "photos")
    tar = packed.read_bytes()
    command = _cnn(made, packed, folder / "run", "--size", "32", "--workers", "0")
    for name, changed in bytes_of(tar, random, 24):
        packed.write_bytes(changed)
        yield Case(f"tar: {name}", command)
    packed.unlink()
    os.mkfifo(packed)
    yield Case("a named pipe for a tar", command, "refused")
    shutil.rmtree(data / "val")
    yield Case("no val", _cnn(made, data, folder / "run", "--size", "32"), "refused")


def pickled_images(made: Made, folder: Path, random: Random) -> Iterator[Case]:
    """Batches of CIFAR's form, which are pickles that must not be executed."""
    data = folder / "cifar-10-batches-py"
    data.mkdir()
    batches = cifar_batches()
    for name, batch in batches.items():
        (data / name).write_bytes(python2(batch))
    command = _cnn(made, data, folder / "run")
    path = data / "data_batch_1"
    whole = path.read_bytes()
    yield Case("as they are", command, "accepted")
    for name, changed in bytes_of(whole, random, 60):
        path.write_bytes(changed)
        yield Case(name, command)

    class Hostile:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
            return os.mkdir, (str(folder / "ran"),)

    right = batches["data_batch_1"]
    for name, body in (
        ("code", pickle.dumps(Hostile(), 2)),
        ("code in it", pickle.dumps({**right, "data": Hostile()}, 2)),
        ("a list", python2([1, 2])),
        ("no labels", python2({"data": right["data"]})),
        ("few labels", python2({**right, "labels": [0]})),
        ("a label of 99", python2({**right, "labels": [99] * 4})),
        ("labels of text", python2({**right, "labels": ["a"] * 4})),
        ("another width", python2({**right, "data": right["data"][:, :-1]})),
        ("no images", python2({**right, "data": right["data"][:0], "labels": []})),
        ("deep tuples", b"\x80\x02" + b"(" * 100_000 + b"t" * 100_000 + b"."),
    ):
        path.write_bytes(body)
        yield Case(name, command, "refused")
    path.unlink()
    os.mkfifo(path)
    yield Case("a named pipe", command, "refused")
    assert not (folder / "ran").exists()


def texts(made: Made, folder: Path, random: Random) -> Iterator[Case]:
    """Texts in folders and archives."""
    data = folder / "texts"
    shutil.copytree(made.texts, data)
    command = _rnn(data, folder / "run")
    yield Case("as they are", command, "accepted")
    path = data / "train.txt"
    whole = path.read_bytes()
    for name, changed in bytes_of(whole, random, 12):
        path.write_bytes(changed)
        yield Case(name, command)
    odd: dict[str, tuple[bytes, Expected]] = {
        "nothing": (b"", "refused"),
        "blanks": (b" \n \n", "refused"),
        "NULs": (bytes(1000), "refused"),
        "no UTF-8": (b"\xff\xfe" + whole, "refused"),
        "one word": (b"word", "refused"),
        "other words": (b"a b c d\n" * 50, "refused"),
        "one line": (whole.replace(b"\n", b" "), "either"),
    }
    for name, (content, expected) in odd.items():
        path.write_bytes(content)
        yield Case(name, command, expected)
    path.unlink()
    os.mkfifo(path)
    yield Case("a named pipe", command, "refused")
    path.unlink()
    path.write_bytes(whole)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for text in data.iterdir():
            file.write(text, f"texts/{text.name}")
    packed = folder / "texts.zip"
    for name, changed in bytes_of(archive.getvalue(), random, 30):
        packed.write_bytes(changed)
        yield Case(f"zip: {name}", _rnn(packed, folder / "run"))
    packed = folder / "texts.tgz"
    with tarfile.open(packed, "w:gz") as tar:
        tar.add(data, "texts")
    compressed = packed.read_bytes()
    for name, changed in bytes_of(compressed, random, 30):
        packed.write_bytes(changed)
        yield Case(f"tgz: {name}", _rnn(packed, folder / "run"))
    packed.unlink()
    os.mkfifo(packed)
    yield Case("a named pipe for an archive", _rnn(packed, folder / "run"), "refused")


def _cnn(made: Made, data: Path, output: Path, *more: str) -> Callable[[], None]:
    genotype = str(made.cells)

    def command() -> None:
        shutil.rmtree(output, ignore_errors=True)
        argv = ["--data", str(data), "--output", str(output), "--genotype", genotype, *CNN, *more]
        cnn_train.main(argv)

    return command


def _rnn(data: Path, output: Path) -> Callable[[], None]:
    def command() -> None:
        shutil.rmtree(output, ignore_errors=True)
        rnn_train.main(["--data", str(data), "--output", str(output), *RNN])

    return command
