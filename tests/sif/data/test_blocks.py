"""The table and its errors do not depend on the division into blocks."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasp.errors import NaspError
from sif.data import binary, text
from sif.data.check import Check
from sif.data.columns import Columns
from sif.data.id_numbering import IdNumbering
from sif.data.table import read_table

ROWS = [f"{u},{i},{1 + (u + i) % 5},{1000 - i}" for u in range(30) for i in range(9)]
CSV = "\n".join(["user,item,rating,timestamp", *ROWS]) + "\n"


@pytest.fixture(params=[200, 77])
def small_blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "BLOCK_BYTES", request.param)


@pytest.mark.filterwarnings("ignore:.*hold a line break:UserWarning")
@pytest.mark.filterwarnings("ignore:.*no times. line 10, column timestamp:UserWarning")
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CSV),
        ("a.csv", "\n\n" + CSV.replace("\n", "\n\n")),
        ("a.csv", CSV.replace("\n7,", "\nseven,")),
        ("a.csv", CSV.replace("\n7,", "\n007,").replace("\n8,", "\n8.0,")),
        ("a.csv", CSV.replace("\n7,", '\n"7,\n7",')),
        ("a.csv", CSV.replace(",1\n", ",1.5\n")),
        ("a.csv", CSV.replace(",992", ",2020-01-02T03:04:05")),
        ("a.dat", "\n".join(ROWS).replace(",", "::")),
    ],
)
def test_blocks_of_text_make_one_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)
    whole = read_table(tmp_path / name).frame()
    assert len(whole) == len(ROWS)
    for size in (77, 200, 1000):
        monkeypatch.setattr(text, "BLOCK_BYTES", size)
        pd.testing.assert_frame_equal(read_table(tmp_path / name).frame(), whole)


@pytest.mark.parametrize("blank", [False, True])
@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("\n27,8,1", "\n27,8,good", "column rating: 'good'"),
        ("\n27,8,1", "\n27,8,", "column rating: the rating is missing"),
        ("\n27,8,1", "\n,8,1", "column user: no id"),
        ("\n27,8,1", "\n27,8", "4 columns, got 3"),
    ],
)
def test_a_fault_in_a_late_block_is_on_its_line(
    small_blocks: None, tmp_path: Path, old: str, new: str, reason: str, blank: bool
) -> None:
    line = 2 + ROWS.index("27,8,1,992")
    assert old in CSV
    content = CSV.replace(old, new)
    if blank:
        content, line = content.replace("\n", "\n\n"), 2 * line - 1
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(NaspError) as caught:
        read_table(tmp_path / "a.csv")
    assert f"line {line}" in str(caught.value)
    assert reason in str(caught.value)


def test_text_that_is_not_utf8_in_a_late_block(
    small_blocks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "HEAD", 100)
    (tmp_path / "a.csv").write_bytes(CSV.replace("\n27,", "\n\xe9,").encode("latin-1"))
    with pytest.raises(NaspError, match="column user: not UTF-8"):
        read_table(tmp_path / "a.csv")


def test_batches_of_parquet_make_one_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    frame = read_table(tmp_path / "a.csv").frame()
    frame.to_parquet(tmp_path / "a.parquet", row_group_size=50)
    monkeypatch.setattr(binary, "BATCH", 32)
    pd.testing.assert_frame_equal(read_table(tmp_path / "a.parquet").frame(), frame)
    frame.loc[200, "rating"] = np.inf
    frame.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(NaspError, match="row 200, column rating: the rating is missing or inf"):
        read_table(tmp_path / "a.parquet")


IDS = st.lists(st.sampled_from([0.0, 1.0, 2.0, 0.5, 7.0]), min_size=1, max_size=20)


@given(IDS, st.integers(1, 20))
def test_cuts_do_not_matter_to_a_vocabulary(ids: list[float], size: int) -> None:
    column = pd.Series(ids)
    whole, cut = (IdNumbering("t.csv, column user", text=False) for _ in range(2))
    whole.append(column)
    for start in range(0, len(ids), size):
        cut.append(column[start : start + size])
    (expected, positions), (found, codes) = whole.finish(), cut.finish()
    assert found.tolist() == expected.tolist() == sorted(expected)
    assert codes.tolist() == positions.tolist()
    integers = all(value == int(value) for value in ids)
    want = column.astype("int64") if integers else column.astype("str")
    assert found[codes].tolist() == want.tolist()


def test_times_of_two_kinds_are_none(frame: pd.DataFrame) -> None:
    """Wrong times are an error if `--columns` names the column; otherwise it is left out."""
    found = {name: name for name in ("user", "item", "rating", "timestamp")}
    days = pd.to_datetime(frame["timestamp"], unit="D")
    check = Check("t", Columns(), found)
    check.add(frame[:20])
    check.add(frame[20:].assign(timestamp=days[20:]))
    assert check.finish().times is None
    check = Check("t", Columns(timestamp="timestamp"), found)
    check.add(frame[:20])
    with pytest.raises(NaspError, match="row 20, column timestamp: neither"):
        check.add(frame[20:].assign(timestamp=days[20:]))


def test_log_ratings(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    plain, logged = (read_table(tmp_path / "a.csv", None, kind) for kind in ("none", "log"))
    assert np.allclose(logged.ratings, np.log1p(plain.ratings))
    (tmp_path / "a.csv").write_text(CSV.replace("\n27,8,1", "\n27,8,-3"))
    with pytest.raises(NaspError, match=r"column rating: no logarithm of -3; .*transform none"):
        read_table(tmp_path / "a.csv", None, "log")
    assert read_table(tmp_path / "a.csv").ratings.min() == -3
