"""Images in parquet files, in the form of the Hugging Face hub."""

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import torch

from nasp.atomic_io import check_regular
from nasp.cnn.data.encoded_images import EncodedImages
from nasp.errors import NaspError, damage_named
from nasp.files.json_file import parse_json

IMAGE_COLUMNS = ("img", "image")
LARGE = 1 << 26  # bytes; a larger row group makes reading a single image too slow


class Shards(EncodedImages):
    """The images of one split in the parquet files of a folder.

    The columns are `img` or `image`, of {bytes, path}, and `label`. Parquet is read by row groups,
    and the last one is kept. So images in order are fast, and each shuffled image costs the reading
    of its row group.

    Args:
        folder: Folder of the files.
        names: Possible names of the split; files are `<name>-*.parquet`.

    Attributes:
        files: The shards in order.
        classes: Names of the classes; empty if the files do not give them.

    Raises:
        NaspError: A file is missing or damaged, or a column is missing or of another type.
    """

    def __init__(self, folder: Path, *names: str) -> None:
        self.files = _complete(
            [path for name in names for path in sorted(folder.glob(f"{name}-*.parquet"))],
            folder / f"{names[0]}-*.parquet",
        )
        self.columns, labels, groups = [], [], []
        for number, path in enumerate(self.files):
            check_regular(path, "shard")
            with damage_named(path, OSError, ValueError), parquet.ParquetFile(path) as file:
                self.columns.append(_image_column(file.schema_arrow, path))
                labels.append(_labels(file, path))
                sizes = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
                groups += [(number, i, group.num_rows) for i, group in enumerate(sizes)]
                largest = max((group.total_byte_size for group in sizes), default=0)
                if number == 0:
                    self.classes = _class_names(file.schema_arrow)
            if largest > LARGE:
                warnings.warn(
                    f"{path} has row groups of {largest / 1e6:.0f} MB, one of which is read for "
                    "each shuffled image: write it with smaller ones (row_group_size=100)",
                    stacklevel=2,
                )
        self.labels = torch.from_numpy(np.concatenate(labels))
        if not len(self.labels):
            raise NaspError(f"{self.files[0]} holds no images: get it again")
        self.groups = np.array(groups, np.int64)  # (row groups, shard and number in it and rows)
        self.ends = self.groups[:, 2].cumsum()
        self.held: tuple[int, Any] = (-1, None)  # a row group's number and images

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "held": (-1, None)}  # another process reads its own row group

    def read(self, index: int) -> bytes:
        group = int(np.searchsorted(self.ends, index, side="right"))
        shard, number, rows = self.groups[group].tolist()
        if self.held[0] != group:
            path, column = self.files[shard], self.columns[shard]
            with damage_named(path, OSError, ValueError), parquet.ParquetFile(path) as file:
                # Without threads, because several processes load images at the same time.
                table = file.read_row_group(number, [f"{column}.bytes"], use_threads=False)
                self.held = group, table[column]
        data = self.held[1][index - int(self.ends[group]) + rows]["bytes"].as_py()
        if data is None:
            raise NaspError(f"{self.place(index)} has a path but no bytes: write the bytes into it")
        return bytes(data)

    def files_and_sizes(self) -> Iterator[tuple[str, int]]:
        return ((path.name, path.stat().st_size) for path in self.files)

    def place(self, index: int) -> str:
        group = int(np.searchsorted(self.ends, index, side="right"))
        shard, number, rows = self.groups[group].tolist()
        earlier = self.groups[(self.groups[:, 0] == shard) & (self.groups[:, 1] < number), 2].sum()
        return f"{self.files[shard]}, row {index - int(self.ends[group]) + rows + int(earlier)}"


def _complete(files: list[Path], wanted: Path) -> list[Path]:
    """Return the files, and raise if there are fewer than their names say."""
    if not files:
        raise NaspError(f"no {wanted}: put the split's parquet files there")
    counts = [re.search(r"-of-(\d+)\.parquet$", path.name) for path in files]
    if all(counts) and (count := max(int(c[1]) for c in counts if c)) != len(files):
        raise NaspError(
            f"{files[0].parent} holds {len(files)} of {count} files {wanted.name}: get the others"
        )
    return files


def _image_column(schema: pa.Schema, path: Path) -> str:
    names = [name for name in IMAGE_COLUMNS if name in schema.names]
    for missing in (["img or image"] if not names else []) + (
        ["label"] if "label" not in schema.names else []
    ):
        raise NaspError(
            f"{path} has no column {missing} (it has {', '.join(schema.names)}): "
            "give the files the columns image, of bytes and path, and label"
        )
    kind = schema.field(names[0]).type
    if not pa.types.is_struct(kind) or kind.get_field_index("bytes") < 0:
        raise NaspError(f"{path}, column {names[0]}: {kind}, but bytes and path are needed")
    return names[0]


def _labels(file: parquet.ParquetFile, path: Path) -> np.ndarray:
    column = file.read(["label"], use_threads=False)["label"]
    if not pa.types.is_integer(column.type) or column.null_count:
        raise NaspError(f"{path}, column label: a whole number is needed for each image")
    return np.asarray(column.to_numpy(), np.int64)


def _class_names(schema: pa.Schema) -> tuple[str, ...]:
    """Return the names of the classes in the hub's metadata, if the file has them."""
    try:
        text = (schema.metadata or {})[b"huggingface"].decode()
        added = parse_json(text, "the shard", "description of a data set")
        return tuple(map(str, added["info"]["features"]["label"]["names"]))
    except (KeyError, ValueError, TypeError):
        return ()
