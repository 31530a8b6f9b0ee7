"""Generated image data in the formats of real data."""

import io
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
from PIL import Image

from nasp.cnn.data import Normalise

NAMES = ["cat", "dog", "ship"]
SEEN = Normalise((0.49, 0.48, 0.45), (0.25, 0.24, 0.26))


def image_bytes(array, kind="PNG"):
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind)
    return file.getvalue()


def random_images(count, size=8, seed=1):
    """uint8 `(count, size, size, 3)`."""
    shape = (count, size, size, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def cifar_batches(count=4, size=8, seed=1):
    """Return the contents of the files of the python archive: arrays and lists."""
    random = np.random.default_rng(seed)
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    batches = {
        name: {
            "batch_label": f"batch {name}",
            "labels": random.integers(0, len(NAMES), count).tolist(),
            "data": random.integers(0, 256, (count, 3 * size * size), dtype=np.uint8),
            "filenames": [f"{i}.png" for i in range(count)],
        }
        for name in names
    }
    return {**batches, "batches.meta": {"label_names": NAMES, "num_vis": 3 * size * size}}


def python2(value) -> bytes:
    """A pickle in the opcodes of Python 2's fast pickler, protocol 2."""
    return b"\x80\x02" + _python2(value) + b"."


def _python2(value) -> bytes:
    if isinstance(value, str | bytes):
        data = value.encode() if isinstance(value, str) else value
        short = len(data) < 256
        return (b"U" + bytes([len(data)]) if short else b"T" + struct.pack("<i", len(data))) + data
    if isinstance(value, int):
        if 0 <= value < 256:
            return b"K" + bytes([value])
        return (
            b"M" + struct.pack("<H", value)
            if 0 <= value < 65536
            else b"J" + struct.pack("<i", value)
        )
    if isinstance(value, list):
        return b"](" + b"".join(map(_python2, value)) + b"e"
    if isinstance(value, dict):
        items = b"".join(_python2(part) for pair in value.items() for part in pair)
        return b"}(" + items + b"u"
    assert isinstance(value, np.ndarray)
    shape = b"".join(map(_python2, value.shape))
    kind = (
        b"cnumpy\ndtype\nq\x02U\x02u1K\x00K\x01\x87Rq\x03"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    return (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01(" + shape + b"t" + kind + b"\x89" + _python2(value.tobytes()) + b"tb"
    )


def write_parquet(path: Path, images, labels, column="img", rows=3, **more):
    """Write a parquet file of encoded `images`; columns in `more` replace those of their names."""
    cells = [{"bytes": data, "path": f"{i}.png"} for i, data in enumerate(images)]
    parquet.write_table(
        pa.table({column: cells, "label": labels, **more}), path, row_group_size=rows
    )


def write_folders(root: Path, per_class=3, size=20):
    """`train/<class>/` and `val/<class>/` of different images, as PNG so that pixels are exact."""
    for number, (split, label) in enumerate(
        (s, c) for s in ("train", "val") for c in ("n02", "n01")
    ):
        folder = root / split / label
        folder.mkdir(parents=True)
        for i, array in enumerate(random_images(per_class, size, seed=number)):
            (folder / f"{label}_{i}.JPEG").write_bytes(image_bytes(array))
