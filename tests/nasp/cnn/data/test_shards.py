"""Parquet shards."""

import json
import pickle

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from nasp.cnn.data import shards
from nasp.cnn.data.shards import Shards
from nasp.errors import NaspError
from tests.nasp.cnn.data.made import image_bytes, random_images, write_parquet

ENCODED = [image_bytes(image) for image in random_images(11, size=4)]


def write(folder):
    for number, part in enumerate((slice(0, 5), slice(5, 11))):
        labels = list(range(11))[part]
        write_parquet(
            folder / f"train-0000{number}-of-00002.parquet", ENCODED[part], labels, rows=2
        )


def test_any_image_by_its_position(tmp_path):
    write(tmp_path)
    found = Shards(tmp_path, "train")
    assert len(found) == 11 and found.labels.tolist() == list(range(11))
    for index in (0, 10, 3, 4, 5, 2, 9, 1, 8, 7, 6):
        assert found.read(index) == ENCODED[index]
    assert found.place(4).endswith("train-00000-of-00002.parquet, row 4")
    assert found.place(10).endswith("train-00001-of-00002.parquet, row 5")


def test_another_process_gets_no_row_group(tmp_path):
    write(tmp_path)
    found = Shards(tmp_path, "train")
    empty = len(pickle.dumps(found))
    found.read(3)
    sent = pickle.dumps(found)
    assert len(sent) == empty
    assert pickle.loads(sent).read(7) == ENCODED[7]


def test_names_of_classes_from_the_hub(tmp_path):
    hub = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
    cells = [{"bytes": data, "path": None} for data in ENCODED[:2]]
    for metadata, classes in ((json.dumps(hub), ("cat", "dog")), ("{", ()), ("[]", ()), ("{}", ())):
        table = pa.table({"img": cells, "label": [0, 1]})
        table = table.replace_schema_metadata({"huggingface": metadata})
        parquet.write_table(table, tmp_path / "train-0.parquet")
        assert Shards(tmp_path, "train").classes == classes


def refused(folder, match):
    with pytest.raises(NaspError, match=match) as caught:
        found = Shards(folder, "train")
        [found.image(i) for i in range(len(found))]
    assert "\n" not in str(caught.value)


def test_missing_files(tmp_path):
    refused(tmp_path, r"no .*train-\*\.parquet: put")
    write(tmp_path)
    (tmp_path / "train-00000-of-00002.parquet").unlink()
    refused(tmp_path, r"holds 1 of 2 files train-\*\.parquet: get the others")


def test_damaged_files(tmp_path):
    write(tmp_path)
    path = tmp_path / "train-00001-of-00002.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:-50])
    refused(tmp_path, "train-00001-of-00002.parquet is damaged or unreadable")
    path.write_bytes(b"")
    refused(tmp_path, "train-00001-of-00002.parquet is damaged or unreadable")
    end = whole.index(ENCODED[9][-60:])  # an image in the valid file is damaged
    path.write_bytes(whole[:end] + bytes(40) + whole[end + 40 :])
    refused(
        tmp_path,
        "train-00001-of-00002.parquet, row 4 is not a complete JPEG, PNG, BMP or WebP image",
    )


def test_columns_of_another_kind(tmp_path):
    path = tmp_path / "train-0.parquet"
    cells = [{"bytes": data, "path": None} for data in ENCODED[:2]]
    for columns, match in (
        ({"picture": cells, "label": [0, 1]}, "no column img or image .it has picture, label"),
        ({"img": cells, "fine_label": [0, 1]}, "no column label .it has img, fine_label"),
        ({"img": ENCODED[:2], "label": [0, 1]}, "column img: binary, but bytes and path"),
        ({"img": [{"path": "a"}] * 2, "label": [0, 1]}, "column img: struct.*, but bytes and"),
        ({"img": cells, "label": ["cat", "dog"]}, "column label: a whole number is needed"),
        ({"img": cells, "label": [0, None]}, "column label: a whole number is needed"),
        ({"img": cells, "label": [0.0, 1.0]}, "column label: a whole number is needed"),
        ({"img": [*cells[:1], {"bytes": None, "path": "a"}], "label": [0, 1]}, "row 1 has a path"),
    ):
        parquet.write_table(pa.table(columns), path)
        refused(tmp_path, match)
    parquet.write_table(pa.table({"img": cells, "label": [0, 1]}).slice(0, 0), path)
    refused(tmp_path, "train-0.parquet holds no images")


def test_row_groups_that_are_too_large_are_warned_of(tmp_path, monkeypatch):
    write_parquet(tmp_path / "train-0.parquet", ENCODED, [0] * 11, rows=11)
    monkeypatch.setattr(shards, "LARGE", 100)
    with pytest.warns(UserWarning, match="train-0.parquet has row groups of 0 MB.*smaller ones"):
        Shards(tmp_path, "train")
