"""Damaged and ambiguous tables of ratings in all formats."""

import bz2
import datetime
import gzip
import io
import lzma
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet

from sif import train
from sif.data import read_table
from sif.data.features import Features
from sif.data.side_table import read_side_table
from tests.attack.harness import Case, Expected
from tests.attack.made import ONCE, Made
from tests.attack.mutate import bytes_of

ROWS = [(u, i, 1 + (u * i) % 5, 1000 + u) for u in range(1, 9) for i in range(1, 9)]
HEADER = "user,item,rating,timestamp\n"
TEXT = HEADER + "".join(",".join(map(str, row)) + "\n" for row in ROWS)


def command_on(made: Made, output: Path, data: Path, *more: str) -> Callable[[], None]:
    """A short training on a table."""
    genotype = str(made.searched / "genotype.json")
    short = ["--genotype", genotype, "--embedding_dim", "2", "--epochs", "1", *ONCE]

    def command() -> None:
        shutil.rmtree(output, ignore_errors=True)
        train.main(["--data", str(data), "--output", str(output), *short, *more])

    return command


def csv(made: Made, folder: Path, random: Random) -> Iterator[Case]:
    """Text, byte by byte and line by line."""
    for name, data in bytes_of(TEXT.encode(), random, 90):
        (folder / "t.csv").write_bytes(data)
        yield Case(name, command_on(made, folder / "run", folder / "t.csv"))
    for number, (name, data, expected) in enumerate(_texts()):
        path = folder / f"{number}.csv"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        yield Case(name, command_on(made, folder / "run", path), expected)
    values = ["", "x", "nan", "inf", "-inf", "1e400", "1e39", "True", "1,5", "'1'", '"1"', '"']
    values += ["0x10", "1_000", "٣", "９", "NULL", "NA", "None", "-", "+1", " 1", "1 ", "\x00"]
    values += ["9" * 400, "1e-400", "1970-01-01", "=1+1", "\u202e1", "\ufeff1", "1;2", "1\t2"]
    for column in range(4):
        for value in values:
            rows = [list(map(str, row)) for row in ROWS]
            rows[random.randrange(len(rows))][column] = value
            text = HEADER + "".join(",".join(row) + "\n" for row in rows)
            (folder / "t.csv").write_text(text)
            name = f"{value!r:.30} for a {HEADER.split(',')[column].strip()}"
            wrong = column == 2 and value in ("x", "inf", "-inf", "1e400", "NULL", "=1+1", "\x00")
            yield Case(
                name,
                command_on(made, folder / "run", folder / "t.csv"),
                "refused" if wrong else "either",
            )


def _texts() -> list[tuple[str, str | bytes, Expected]]:
    rows = [",".join(map(str, row)) for row in ROWS]
    return [
        ("nothing", "", "refused"),
        ("a line end", "\n", "refused"),
        ("a header alone", HEADER, "refused"),
        ("NULs", bytes(10_000), "refused"),
        ("a NUL in the header", TEXT.replace("item", "it\x00em"), "either"),
        ("one row", HEADER + rows[0], "refused"),
        ("one rating for all", HEADER + "".join(f"{u},{u},3,1\n" for u in range(50)), "either"),
        ("a ragged row", TEXT + "1,2\n", "refused"),
        ("a long row", TEXT + "1,2,3,4,5,6,7\n", "refused"),
        ("an open quote", TEXT + '"1,2,3\n', "refused"),
        ("a quote in a field", TEXT.replace("1,1,", '1"x,1,', 1), "either"),
        ("a row of 2 MB", TEXT + "1," + "x" * 2_000_000 + ",3,4\n", "either"),
        ("a row of 80 MB", TEXT + "1," + "x" * 80_000_000 + ",3,4\n", "either"),
        ("a header of 5,000 columns", ",".join(f"c{i}" for i in range(5000)) + "\n", "refused"),
        ("a column twice", TEXT.replace("timestamp", "user"), "either"),
        ("an empty name", TEXT.replace("timestamp", ""), "either"),
        ("no rating", "\n".join(",".join(row.split(",")[:2]) for row in rows), "either"),
        ("carriage returns", TEXT.replace("\n", "\r"), "either"),
        ("DOS", TEXT.replace("\n", "\r\n"), "accepted"),
        ("a byte order mark", "\ufeff" + TEXT, "accepted"),
        ("UTF-16", TEXT.encode("utf-16"), "either"),
        ("UTF-32", TEXT.encode("utf-32"), "either"),
        ("Latin-1", TEXT.replace("1,1,", "é,1,", 1).encode("latin-1"), "either"),
        ("half a UTF-8 letter", TEXT.encode() + b"\xc3", "refused"),
        ("HTML", "<!DOCTYPE html><html><body>404</body></html>", "refused"),
        ("a pickle", b"\x80\x04]\x94(K\x01K\x02e.", "refused"),
        ("an ELF", b"\x7fELF\x02\x01\x01" + bytes(200), "refused"),
        ("a PNG", b"\x89PNG\r\n\x1a\n" + bytes(100), "refused"),
        ("JSON", '{"user": 1, "item": 2, "rating": 3}', "either"),
        ("a pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "refused"),
        ("conflict marks", "<<<<<<< ours\n" + TEXT, "either"),
        ("thousands", TEXT.replace(",3,", ',"3,000",'), "either"),
        ("decimal commas", TEXT.replace(",", ";").replace(";3;", ";3,5;"), "either"),
    ]


LISTS = "".join(f"{u} {' '.join(str(i * u % 31) for i in range(u))}\n" for u in range(1, 30))
LIBFM = "".join(f"{1 - 2 * (u % 2)} {u}:1 {9 + i}:1 {18 + u % 3}:1\n" for u, i, *_ in ROWS)
ITEMS = "item,title,genres,date,age\n" + "".join(
    f"{i},Film {i},{'Drama|War' if i % 2 else 'Comedy'},199{i % 3}-01-02,{i * i}\n"
    for i in range(1, 40)
)


def other_texts(made: Made, folder: Path, random: Random) -> Iterator[Case]:
    """Lines of a user and its items, libfm's instances, and tables of items, byte by byte."""
    for file, text in {"t.txt": LISTS, "t.libfm": LIBFM, "t.csv": ITEMS}.items():
        path = folder / file

        def read(path: Path = path) -> None:
            if path.suffix == ".csv":
                Features.fit(read_side_table(path, "item"), pd.Index(range(1, 30)), "item")
            else:
                read_table(path, pairs=True, say=lambda line: None)

        for name, data in bytes_of(text.encode(), random, 90):
            path.write_bytes(data)
            yield Case(f"{file}: {name}", read)


def parquet_files(made: Made, folder: Path, random: Random) -> Iterator[Case]:
    """Parquet: mutated bytes, and columns of types that are not ids or ratings."""
    columns: dict[str, Any] = {
        name: [row[k] for row in ROWS] for k, name in enumerate(HEADER.strip().split(","))
    }
    path, n = folder / "t.parquet", len(ROWS)
    parquet.write_table(pa.table(columns), path)
    whole = path.read_bytes()
    command = command_on(made, folder / "run", path)
    for name, data in bytes_of(whole, random, 90):
        path.write_bytes(data)
        yield Case(name, command)
    now = datetime.datetime(2020, 1, 1)
    kinds: dict[str, Any] = {
        "structs": pa.array([{"a": 1}] * n),
        "lists": pa.array([[1, 2]] * n),
        "maps": pa.array([[("a", 1)]] * n, pa.map_(pa.string(), pa.int64())),
        "nulls": pa.nulls(n),
        "timestamps": pa.array([now] * n),
        "timestamps of a zone": pa.array([now] * n, pa.timestamp("us", "Europe/Berlin")),
        "durations": pa.array([datetime.timedelta(1)] * n),
        "dates": pa.array([now.date()] * n),
        "times": pa.array([datetime.time(1)] * n),
        "truth values": pa.array([True, False] * (n // 2)),
        "bytes": pa.array([b"\xff\xfe"] * n),
        "bytes of a length": pa.array([b"abcd"] * n, pa.binary(4)),
        "decimals": pa.array([Decimal("1.5")] * n),
        "huge decimals": pa.array([Decimal(10**30)] * n),
        "a dictionary": pa.array(["a", "b"] * (n // 2)).dictionary_encode(),
        "halves": pa.array(np.ones(n, np.float16)),
        "NaN": pa.array([float("nan")] * n),
        "one NaN": pa.array([float("nan")] + [2.0] * (n - 1)),
        "one missing": pa.array([None, *range(n - 1)]),
        "infinity": pa.array([float("inf")] * n),
        "large": pa.array([2**24 + 1] * n),
        "unsigned": pa.array([2**63 + i for i in range(n)], pa.uint64()),
        "negative": pa.array([-i for i in range(n)]),
        "empty text": pa.array([""] * n),
        "large text": pa.array(["x" * 100_000] * n, pa.large_string()),
        "text views": pa.array(["a"] * n, pa.string_view()),
    }
    never = ("structs", "lists", "maps", "nulls", "timestamps", "durations", "NaN", "infinity")
    for column in columns:
        for name, values in kinds.items():
            parquet.write_table(pa.table({**columns, column: values}), path)
            wrong = (column != "timestamp" and name in never[:4]) or column == "rating"
            wrong = wrong and name in never
            yield Case(f"{name} as {column}", command, "refused" if wrong else "either")
    wrong_text = pa.array([b"\xff\xfe"] * n).cast(pa.binary()).buffers()
    broken = pa.StringArray.from_buffers(n, wrong_text[1], wrong_text[2])
    parquet.write_table(pa.table({**columns, "user": broken}), path)
    yield Case("ids that are no UTF-8", command)
    parquet.write_table(pa.table({k: v[:0] for k, v in columns.items()}), path)
    yield Case("no rows", command, "refused")
    parquet.write_table(pa.table({}), path)
    yield Case("no columns", command, "refused")
    parquet.write_table(
        pa.Table.from_arrays([pa.array(columns[c]) for c in columns], ["user", "user", "a", "b"]),
        path,
    )
    yield Case("a column twice", command)


def archives(made: Made, folder: Path, random: Random) -> Iterator[Case]:
    """Compressed files and archives."""
    data = TEXT.encode()
    packed = {
        "t.csv.gz": gzip.compress(data, mtime=0),
        "t.csv.bz2": bz2.compress(data),
        "t.csv.xz": lzma.compress(data),
        "t.zip": _zipped({"t.csv": data}),
        "t.tar": _tarred({"t.csv": data}),
    }
    for file, whole in packed.items():
        path = folder / file
        command = command_on(made, folder / "run", path)
        for name, changed in bytes_of(whole, random, 24):
            path.write_bytes(changed)
            yield Case(f"{file}: {name}", command)
    hand: dict[str, tuple[str, bytes, Expected]] = {
        "an empty zip": ("a.zip", _zipped({}), "refused"),
        "two tables": ("b.zip", _zipped({"a.csv": data, "b.csv": data}), "either"),
        "a path upwards": ("c.zip", _zipped({"../../t.csv": data}), "either"),
        "an absolute path": ("d.zip", _zipped({"/t.csv": data}), "either"),
        "a zip in a zip": ("e.zip", _zipped({"t.zip": _zipped({"t.csv": data})}), "refused"),
        "a folder alone": ("f.zip", _zipped({"t/": b""}), "refused"),
        "a bomb": ("g.csv.gz", gzip.compress(bytes(200_000_000)), "refused"),
        "a bomb in a zip": ("h.zip", _zipped({"t.csv": bytes(200_000_000)}), "refused"),
        "gz that is none": ("i.csv.gz", data, "either"),
        "csv that is gz": ("j.csv", gzip.compress(data), "either"),
        "csv that is a zip": ("k.csv", _zipped({"t.csv": data}), "either"),
        "two members": ("l.csv.gz", gzip.compress(data) + gzip.compress(b"9,9,5,1\n"), "either"),
        "a tail": ("m.csv.gz", gzip.compress(data) + b"tail", "either"),
        "an empty gz": ("n.csv.gz", gzip.compress(b""), "refused"),
    }
    for name, (file, content, expected) in hand.items():
        (folder / file).write_bytes(content)
        yield Case(name, command_on(made, folder / "run", folder / file), expected)
    (folder / "link.csv").symlink_to(folder / "link.csv")
    yield Case("a link to itself", command_on(made, folder / "run", folder / "link.csv"), "refused")
    os.mkfifo(folder / "pipe.csv")
    yield Case("a named pipe", command_on(made, folder / "run", folder / "pipe.csv"), "refused")
    yield Case("a device", command_on(made, folder / "run", Path("/dev/zero")), "refused")
    yield Case("a folder", command_on(made, folder / "run", folder), "refused")
    yield Case("a long name", command_on(made, folder / "run", folder / ("x" * 5000)), "refused")
    yield Case("a NUL", command_on(made, folder / "run", Path("a\x00.csv")), "refused")


def _zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def _tarred(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def frame(rows: int = len(ROWS)) -> pd.DataFrame:
    """The ratings as a frame."""
    return pd.DataFrame(ROWS[:rows], columns=HEADER.strip().split(","))
