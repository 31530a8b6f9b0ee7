"""Columns in memory and in files are equal, and parts of a table are views of it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasp.errors import NaspError
from sif.data import store
from sif.data.check import check_frame
from sif.data.repeats import without_repeats
from sif.data.store import Spool, Table

BLOCKS = st.lists(st.lists(st.integers(0, 9), max_size=20), max_size=6)


@given(BLOCKS, st.sampled_from([0, 100, 1 << 20]))
def test_a_spool_is_a_concatenation(blocks: list[list[int]], in_memory: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "IN_MEMORY", in_memory)
        spool = Spool(np.int32)
        for block in blocks:
            spool.append(np.array(block, dtype=np.int64))
        column = spool.finish()
    assert column.tolist() == [value for block in blocks for value in block]
    assert column.dtype == np.int32


def test_a_large_column_is_a_file_that_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(store, "IN_MEMORY", 1000)
    spool = Spool(np.float32)
    spool.append(np.ones(200))
    assert spool.file is None
    spool.append(np.ones(100))
    assert isinstance(spool.finish(), np.memmap)
    assert not spool.blocks
    assert list(tmp_path.rglob("*")) == [tmp_path / "nasp"]


def test_no_room_for_the_file_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(store, "IN_MEMORY", 1)
    with pytest.raises(NaspError, match=r"cache/nasp: .*set XDG_CACHE_HOME"):
        Spool(np.float32).append(np.ones(9))


def test_a_table_in_files_is_the_table_in_memory(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = check_frame(frame)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(store, "IN_MEMORY", 0)
    table = check_frame(frame)
    assert isinstance(table.codes[0], np.memmap)
    pd.testing.assert_frame_equal(table.frame(), expected.frame())
    table.release_memory()
    pd.testing.assert_frame_equal(table.frame(), expected.frame())


def test_parts_of_parts_and_blocks(frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    part = Table.from_frame(frame).take(np.array([7, 3, 30])).take(np.array([2, 0]))
    pd.testing.assert_frame_equal(part.frame(), frame.iloc[[30, 7]].reset_index(drop=True))
    monkeypatch.setattr(store, "BLOCK", 16)
    blocks = list(Table.from_frame(frame).blocks())
    assert [len(block) for block in blocks] == [16, 16, 8]
    whole = pd.concat([block.frame() for block in blocks], ignore_index=True)
    pd.testing.assert_frame_equal(whole, frame)


def test_dates_survive(frame: pd.DataFrame) -> None:
    days = pd.to_datetime(frame["timestamp"], unit="D", utc=True).astype("datetime64[us, UTC]")
    dated = frame.assign(timestamp=days)
    for table in (Table.from_frame(dated), check_frame(dated)):
        pd.testing.assert_frame_equal(table.frame(), dated)


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1), st.sampled_from([4, 2**40]))
def test_keys_are_equal_where_all_entities_are(rows: list[tuple[int, ...]], size: int) -> None:
    codes = tuple(np.array(column, dtype=np.int32) for column in zip(*rows, strict=True))
    ids = (pd.RangeIndex(size),) * 3  # of 2⁴⁰ ids each, a product does not fit into int64
    keys = Table(("user", "item", "city"), ids, codes, np.ones(len(rows), np.float32)).keys()
    assert len(set(keys.tolist())) == len(set(rows))
    assert len(set(zip(keys.tolist(), rows, strict=True))) == len(set(rows))


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1), st.booleans())
def test_the_last_of_repeats_is_kept(rows: list[tuple[int, ...]], timed: bool) -> None:
    frame = pd.DataFrame(rows, columns=["user", "item", "timestamp"])
    frame.insert(2, "rating", np.arange(len(rows), dtype=float))
    if not timed:
        frame = frame.drop(columns="timestamp")
    ordered = frame.sort_values("timestamp", kind="stable") if timed else frame
    expected = ordered.drop_duplicates(["user", "item"], keep="last").sort_index()
    kept = without_repeats(Table.from_frame(frame)).frame()
    pd.testing.assert_frame_equal(kept, expected.reset_index(drop=True))
