"""Lines of a user and its items, and libfm's instances, are told from tables and read."""

import gzip
from pathlib import Path

import pandas as pd
import pytest

from nasp.errors import NaspError
from sif.data import Reading, Table, parse_columns, read_table
from sif.data.line_forms import are_item_lists

LISTS = "10 1 2 3\n11 2 7 9 4 5\n12\n13 0\n14 7 8 1\n\n15 2 3\n"
INSTANCES = "".join(
    f"{1 if n % 3 else -1} {n % 4}:1 {4 + n % 5}:1 {9 + n % 2}:1.0\n" for n in range(20)
)


def read(path: Path, content: str, columns: str | None = None, **reading: object) -> Table:
    path.write_text(content)
    options = Reading(**reading)  # type: ignore[arg-type]
    return read_table(path, parse_columns(columns), reading=options, pairs=True, say=SAID.append)


def fault(path: Path, content: str, **reading: object) -> str:
    with pytest.raises(NaspError) as caught:
        read(path, content, **reading)
    assert "\n" not in str(caught.value)
    return str(caught.value)


SAID: list[str] = []


@pytest.mark.parametrize("content", [LISTS, LISTS.replace("\n", " \r\n"), LISTS.replace(" ", "\t")])
def test_lines_of_a_user_and_its_items(tmp_path: Path, content: str) -> None:
    table = read(tmp_path / "train.txt", content)
    expected = [
        *((10, item) for item in (1, 2, 3)),
        *((11, item) for item in (2, 7, 9, 4, 5)),
        *((13, 0), (14, 7), (14, 8), (14, 1), (15, 2), (15, 3)),
    ]
    frame = table.frame()
    assert list(zip(frame["user"], frame["item"], strict=True)) == expected
    assert SAID[-1] == (
        "train.txt: 14 pairs, 5 users, 9 items; no ratings, so all values are 1; user=user "
        "item=item; each line is a user and its items (--item_lists no if not)"
    )


def test_lists_are_read_block_by_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read(tmp_path / "train.txt", LISTS).frame()
    monkeypatch.setattr("sif.data.line_forms.BLOCK_BYTES", 8)
    pd.testing.assert_frame_equal(read(tmp_path / "train.txt", LISTS).frame(), whole)
    (tmp_path / "train.txt.gz").write_bytes(gzip.compress(LISTS.encode()))
    packed = read_table(tmp_path / "train.txt.gz", pairs=True, say=SAID.append)
    pd.testing.assert_frame_equal(packed.frame(), whole)
    bad = LISTS.replace("14 7 8 1", "14 7 08 1")
    assert "line 5: '08': a user and its items are whole" in fault(tmp_path / "train.txt", bad,
                                                                   item_lists=True)  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "lists"),
    [
        (["1 5 3", "1 6 4", "2 5 1"], False),  # users repeat: a table
        (["1 5 3", "1 6", "2 5 1"], False),  # a table with a broken row
        ([f"{n} {n + 1} {n % 5}" for n in range(40)], False),  # the third column is a scale
        ([f"{n} {n + 1} {n + 2}" for n in range(40)], True),  # as many items of each user
        ([f"{n} {n + 1} {1_500_000_000 + n}" for n in range(40)], False),  # times
        (["1 5", "2 6", "3 5"], False),  # pairs, which are the same either way
        (["1", "2", "3"], False),
        (["1 5 3", "2", "3 4"], True),
        (["1 5 3", "2 x", "3 4"], False),
        (["1 5 3.5", "2 4", "3 4"], False),
        ([], False),
    ],
)
def test_what_tells_lists_from_tables(lines: list[str], lists: bool) -> None:
    assert are_item_lists([line.encode() for line in lines]) is lists


def test_the_option_decides(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    rows = [f"{n} {n + 1} {n % 5}" for n in range(20)]
    assert len(read(path, "\n".join(rows))) == 20
    assert len(read(path, "\n".join(rows), item_lists=True)) == 40
    lists = [f"{n} {n + 1} {n + 2}" for n in range(20)]
    assert len(read(path, "\n".join(lists))) == 40
    assert len(read(path, "\n".join(lists), item_lists=False)) == 20
    assert len(read(path, "\n".join(lists), columns="user=1,item=2,rating=3")) == 20
    ragged = "\n".join([*lists, "0 5 6 7 8 9"])
    assert "--item_lists yes if each line is a user" in fault(path, ragged)


def test_libfm_fields_become_entities(tmp_path: Path) -> None:
    table = read(tmp_path / "a.libfm", INSTANCES)
    assert table.columns == ("user", "item", "field3")
    frame = table.frame()
    assert frame.loc[3].tolist() == [3, 7, 10, -1]
    assert len(frame) == 20
    assert SAID[-1] == (
        "a.libfm: 20 ratings, 4 users, 5 items, 2 values of field3, ratings -1–1; user=field1 "
        "item=field2 context=field3 rating=label; libfm, 3 fields"
    )
    swapped = read(tmp_path / "a.libfm", INSTANCES, "user=field2,item=field1,rating=label")
    assert swapped.columns == ("user", "item")
    assert swapped.frame().loc[3].tolist() == [7, 3, -1]


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("1 3:1 4:1", ("2 features, where the first line has 3",)),
        ("1 3:1 4:1 9:0.5", ("'9:0.5': features are written number:1",)),
        ("1 3:1 4:1 x:1", ("'x:1': features are written number:1",)),
        ("yes 3:1 4:1 9:1", ("column label", "'yes' is not a number")),
    ],
)
def test_bad_instances(
    tmp_path: Path, line: str, parts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sif.data.line_forms.HEAD", 100)
    message = fault(tmp_path / "a.libfm", f"{INSTANCES}{line}\n")
    assert all(part in message for part in ("a.libfm, line 21", *parts)), message
