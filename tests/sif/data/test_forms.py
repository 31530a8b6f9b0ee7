"""Tables in all formats are read alike, or refused in one line."""

import bz2
import gzip
import json
import lzma
import os
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import scipy.sparse

from nasp.errors import NaspError
from sif.data import Reading, parse_columns, read_table
from sif.data import text as text_module

FRAME = pd.DataFrame(
    [(u, i, 1.0 + (u + i) % 5, 1_000_000_000 - i) for u in range(3) for i in range(4)],
    columns=["user", "item", "rating", "timestamp"],
)
CSV = FRAME.astype({"rating": int}).to_csv(index=False)
LINES = FRAME.to_json(orient="records", lines=True)


def understood(path: Path, columns: str | None = None, **reading: Any) -> tuple[pd.DataFrame, str]:
    """Return the table and its one-line summary."""
    said: list[str] = []
    table = read_table(path, parse_columns(columns), reading=Reading(**reading), say=said.append)
    assert len(said) == 1
    assert "\n" not in said[0]
    return table.frame(), said[0]


def fault(path: Path, columns: str | None = None, **reading: Any) -> str:
    with pytest.raises(NaspError) as caught:
        understood(path, columns, **reading)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def workbook(path: Path, **options: Any) -> None:
    FRAME.to_excel(path, index=False, **options)


def database(path: Path, names: tuple[str, ...] = ('ra"ted',)) -> None:
    connection = sqlite3.connect(path)
    for name in names:
        FRAME.to_sql(name, connection, index=False)
    connection.close()


def stream(path: Path) -> None:
    table = pa.Table.from_pandas(FRAME)
    with pa.ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table)


def spark(path: Path) -> None:
    path.mkdir()
    (path / "_SUCCESS").touch()
    for n, part in enumerate((FRAME[:5], FRAME[5:])):
        part.to_csv(path / f"part-0000{n}-0a1b-c000.csv", index=False)


def spark_parquet(path: Path) -> None:
    path.mkdir()
    for n, part in enumerate((FRAME[:5], FRAME[5:].astype({"user": "int32"}))):
        part.to_parquet(path / f"part-0000{n}.snappy.parquet")


FORMS = {
    "blanks.txt": lambda path: write(path, CSV.replace(",", " ")),
    "spaced.csv": lambda path: write(path, CSV.replace(",", ", ")),
    "runs.dat": lambda path: write(path, "  " + CSV.replace(",", "   ").replace("\n", " \r\n  ")),
    "utf16.csv": lambda path: write(path, CSV.encode("utf-16")),
    "utf16be.csv": lambda path: write(path, CSV.encode("utf-16-be")),
    "a.csv.xz": lambda path: write(path, lzma.compress(CSV.encode())),
    "a.csv.bz2": lambda path: write(path, bz2.compress(CSV.encode())),
    "a.jsonl": lambda path: write(path, LINES),
    "a.json.gz": lambda path: write(path, gzip.compress(LINES.replace("\n", "\n\n").encode())),
    "a.inter": lambda path: write(
        path,
        CSV.replace(",", "\t").replace(
            "user\titem\trating\ttimestamp", "user_id:token\titem_id:int\trating:double\ttime:str"
        ),
    ),
    "a.feather": FRAME.to_feather,
    "a.arrow": stream,
    "a.xlsx": workbook,
    "bare.xlsx": lambda path: workbook(path, header=False),
    "a.db": database,
    "spark": spark,
    "spark parquet": spark_parquet,
}


@pytest.mark.parametrize("name", FORMS)
def test_forms_agree(tmp_path: Path, name: str) -> None:
    FORMS[name](tmp_path / name)
    read, line = understood(tmp_path / name)
    pd.testing.assert_frame_equal(read, FRAME, check_dtype=False)
    assert line.startswith(f"{name}: 12 ratings, 3 users, 4 items, ratings 1–5; user=")
    assert "(seconds)" in line
    assert ("no header" in line) == (name == "bare.xlsx")


@pytest.mark.parametrize("kind", ["coo", "csr", "csc"])
def test_a_sparse_matrix(tmp_path: Path, kind: str) -> None:
    matrix = scipy.sparse.coo_matrix((FRAME["rating"], (FRAME["user"], FRAME["item"])))
    scipy.sparse.save_npz(tmp_path / "a.npz", matrix.asformat(kind))
    read, line = understood(tmp_path / "a.npz")
    read = read.sort_values(["user", "item"], ignore_index=True)
    pd.testing.assert_frame_equal(read, FRAME.drop(columns="timestamp"), check_dtype=False)
    assert "rows are users, columns are items" in line


def test_book_crossing(tmp_path: Path) -> None:
    rows = [f'"{276725 + u}";"\xe90{i}\\"X";"{(u + i) % 11}"' for u in range(5) for i in range(9)]
    content = "\r\n".join(['"User-ID";"ISBN";"Book-Rating"', *rows]).encode("latin-1")
    read, line = understood(write(tmp_path / "bx.csv", content), drop_ratings=(0,))
    assert set(read["item"]) == {f'\xe90{i}"X' for i in range(9)}
    assert len(read) == 42
    assert read["rating"].min() == 1
    for part in ("user=User-ID item=ISBN rating=Book-Rating", "latin-1 (a guess", "3 ratings of 0"):
        assert part in line


def test_an_encoding_that_is_given(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", CSV.replace("\n0,", "\n€,").encode("cp1252"))
    read, line = understood(path, encoding="cp1252")
    assert set(read["user"]) == {"€", "1", "2"}
    assert "encoding" not in line
    assert "--encoding latin-1" in fault(path, encoding="utf-8")
    for name in ("nope", "zlib"):
        assert f"--encoding {name}: unknown" in fault(path, encoding=name)


def test_one_of_several_tables_is_named(tmp_path: Path) -> None:
    database(tmp_path / "a.db", ("a", "b"))
    with pd.ExcelWriter(tmp_path / "a.xlsx") as writer:
        for name in "ab":
            FRAME.to_excel(writer, sheet_name=name, index=False)
    for path in (tmp_path / "a.db", tmp_path / "a.xlsx"):
        assert "s: a, b; name one with --table" in fault(path)
        assert "'c' is not there" in fault(path, table="c")
        assert len(understood(path, table="b")[0]) == 12


def test_ids_of_records_are_as_they_are_written(tmp_path: Path) -> None:
    records = [
        {"user": f"{u:05}", "item": 2**53 + i, "rating": 3 + u % 2}
        for u in range(3)
        for i in range(4)
    ]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, records)))
    read, _ = understood(path)
    assert set(read["user"]) == {"00000", "00001", "00002"}
    assert read["item"].max() == 2**53 + 3


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("a.json", "[\n" + LINES.replace("}\n{", "},\n{") + "]", ("line 1", "one object a line")),
        ("a.jsonl", LINES + '{"user": ', ("line 13", "not JSON")),
        ("a.jsonl", LINES + "7", ("line 13", "not an object")),
        ("a.jsonl", '{"user":' + "[" * 100_000, ("line 1", "not JSON")),
        ("a.jsonl", LINES + '{"user": 7, "item": 1}', ("line 13", "column rating", "missing")),
        ("a.jsonl", LINES + '{"user": [7], "item": 1, "rating": 1}', ("column user", "list")),
        ("a.jsonl", "", ("empty",)),
        ("a.csv.xz", lzma.compress(CSV.encode())[:-9], ("damaged",)),
        ("a.csv.bz2", bz2.compress(CSV.encode())[:-9], ("damaged",)),
        ("a.csv.xz", lzma.compress(CSV.encode()).replace(b"\0\0", b"\1\1"), ("damaged",)),
        ("a.csv", CSV.encode("utf-16")[:-1], ("damaged",)),
        ("a.xlsx", CSV, ("damaged",)),
        ("a.db", CSV, ("damaged", "not a database")),
        ("a.npz", CSV, ("damaged",)),
        ("a.feather", CSV, ("damaged",)),
        ("a.csv", gzip.compress(CSV.encode()), ("NUL",)),
        ("a.csv", CSV.replace("item", "it\0em"), ("NUL",)),
        ("a.csv", "x" * 200_000, ("first line", "longer")),
        ("a.txt", CSV.replace(",", " ") + "1 2 " + "3" * 2_000_000, ("line is longer",)),
    ],
)
def test_damage(tmp_path: Path, name: str, content: str | bytes, parts: tuple[str, ...]) -> None:
    message = fault(write(tmp_path / name, content))
    assert all(part in message for part in (name, *parts)), message


def test_pickled_objects_are_not_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", format=np.array(["csr"], dtype=object), shape=(2, 2))
    assert "allow_pickle" in fault(tmp_path / "a.npz")


def test_indices_out_of_range(tmp_path: Path) -> None:
    parts = {"data": np.ones(3), "indices": np.array([0, 1, 99]), "indptr": np.array([0, 1, 3])}
    np.savez(tmp_path / "a.npz", format="csr", shape=(2, 2), **parts)
    assert "damaged" in fault(tmp_path / "a.npz")


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    assert "not a regular file" in fault(tmp_path / "a.csv")


def test_parts_of_other_columns(tmp_path: Path) -> None:
    spark(tmp_path / "spark")
    path = tmp_path / "spark" / "part-00001-0a1b-c000.csv"
    write(path, path.read_text().replace("rating", "stars"))
    assert "part-00001-0a1b-c000.csv: other columns" in fault(tmp_path / "spark")


def test_a_row_longer_than_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_module, "BLOCK_BYTES", 1000)
    path = write(tmp_path / "a.csv", CSV + '1,"' + "x" * 5000 + '",3,1000000000\n')
    assert "a row is longer than 1,000 bytes" in fault(path)


def test_a_quote_that_is_not_closed_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", CSV.replace("\n1,", '\n"1,'))
    assert "2 ids of column user hold a line break" in understood(path)[1]


@pytest.mark.parametrize(
    ("column", "values", "part"),
    [
        ("user", [{"a": n} for n in range(12)], "a mapping is not an id"),
        ("item", [[n] for n in range(12)], "a list is not an id"),
        ("user", pa.array([[("a", n)] for n in range(12)], pa.map_(pa.string(), pa.int64())), "id"),
        ("user", [b"\xff%d" % n for n in range(12)], "UTF-8"),
        ("rating", pd.date_range("2020", periods=12), "'2020-01-01 00:00:00' is not a number"),
        ("rating", pd.to_timedelta(range(12), "s"), "is not a number"),
        ("rating", [[1.0]] * 12, "is not a number"),
        ("rating", [{"a": 1.0}] * 12, "is not a number"),
        ("rating", np.arange(12) + 2**24 + 1, "row 0, column rating: a rating of 16777217"),
        ("it\0em", np.arange(12), "NUL"),
    ],
)
def test_columns_of_odd_types(tmp_path: Path, column: str, values: Any, part: str) -> None:
    table = pa.table({**{name: FRAME[name] for name in FRAME}, column: pa.array(values)})
    parquet.write_table(table, tmp_path / "a.parquet")
    message = fault(tmp_path / "a.parquet")
    assert part in message
    assert column.replace("\0", "")[:2] in message


def test_text_of_parquet_that_is_not_utf8(tmp_path: Path) -> None:
    offsets = pa.py_buffer(np.arange(13, dtype=np.int32))
    ids = pa.Array.from_buffers(pa.string(), 12, [None, offsets, pa.py_buffer(b"\xff" * 12)])
    table = pa.table({"user": ids, "item": FRAME["item"], "rating": FRAME["rating"]})
    parquet.write_table(table, tmp_path / "a.parquet")
    assert "column user: Invalid UTF8" in fault(tmp_path / "a.parquet")
