"""All formats give the same frame, and every error names its place in one line."""

import gzip
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from nasp.errors import NaspError
from sif.data import table
from sif.data.columns import Columns, parse_columns

ROWS = [f"{u},{i},{1 + (u + i) % 5},{100 - i}" for u in range(3) for i in range(4)]
CSV = "\n".join(["user,item,rating,timestamp", *ROWS]) + "\n"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def read_table(path: Path, columns: Columns | None = None) -> pd.DataFrame:
    return table.read_table(path, columns).frame()


def fault(path: Path, columns: Columns | None = None) -> str:
    """Return the one-line error of reading `path`; it names the file."""
    with pytest.raises(NaspError) as caught:
        read_table(path, columns)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", CSV),
        ("a.CSV", "\ufeff\n\n" + CSV.replace("\n", "\r\n\r\n")),
        ("a.csv", CSV.replace(",", ";")),
        ("a.txt", CSV.replace(",", "|")),
        ("a.tsv", CSV.replace(",", "\t")),
        ("a.data", "\n".join(ROWS).replace(",", "\t")),
        ("a.dat", "\n".join(ROWS).replace(",", "::")),
        ("a.csv", "\n".join(ROWS)),
        (
            "a.inter",
            CSV.replace(",", "\t").replace(
                "user\titem\trating\ttimestamp",
                "user_id:token\titem_id:token\trating:float\ttimestamp:float",
            ),
        ),
    ],
)
def test_text_formats_agree(tmp_path: Path, name: str, text: str) -> None:
    read = read_table(write(tmp_path, name, text))
    expected = pd.DataFrame(
        [row.split(",") for row in ROWS], columns=["user", "item", "rating", "timestamp"]
    ).astype({"user": int, "item": int, "rating": float, "timestamp": int})
    pd.testing.assert_frame_equal(read, expected)


def test_packed_formats_agree(tmp_path: Path) -> None:
    expected = read_table(write(tmp_path, "a.csv", CSV))
    expected.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("x/README", "read me")
        archive.writestr("x/movies.csv", "item,title\n")
        archive.writestr("x/ratings.csv", CSV)
    for name in ("a.parquet", "b.csv.gz", "c.zip"):
        pd.testing.assert_frame_equal(read_table(tmp_path / name), expected)


def test_columns_can_be_named(tmp_path: Path) -> None:
    text = CSV.replace("user,item,rating,timestamp", "who,what,how,where")
    columns = parse_columns("user=who,item=what,rating=how,context=where")
    read = read_table(write(tmp_path, "a.csv", text), columns)
    assert list(read) == ["user", "item", "where", "rating"]


def test_ids_stay_as_they_are(tmp_path: Path) -> None:
    text = CSV.replace("\n0,", "\nNA,").replace("\n2,", "\n b,")
    read = read_table(write(tmp_path, "a.csv", text))
    assert {"NA", "1", " b"} == set(read["user"])


def test_repeated_pairs_keep_the_last(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", CSV + "0,0,4.5,200\n0,1,4.5,50\n")
    with pytest.warns(UserWarning, match=r"2 of 14 rows .* user and item again") as caught:
        rating = read_table(path).set_index(["user", "item"])["rating"]
    assert (rating[0, 0], rating[0, 1], len(rating)) == (4.5, 2, 12)  # by time: new, old
    assert "\n" not in str(caught[0].message)


@pytest.mark.parametrize(
    ("name", "text", "parts"),
    [
        ("a.csv", "", ("empty",)),
        ("a.csv", "\n\n", ("empty",)),
        ("a.csv", "user,item,rating\n", ("no ratings",)),
        ("a.csv", "user,item,rating", ("no ratings",)),
        ("a.xls", CSV, ("'.xls'", ".csv, .tsv", ".parquet")),
        ("a.csv", CSV.replace(",", "_"), ("line 1", "one column", "comma, tab")),
        ("a.csv", CSV.replace("rating", "x"), ("no rating", "user, item, x", "--columns rating=")),
        ("a.csv", CSV.replace("\n0,2,3", "\n\n0,2,good"), ("line 5", "column rating", "'good'")),
        ("a.csv", CSV.replace("\n0,2,3", "\n0,2,"), ("line 4", "missing", "the 1 rows")),
        ("a.csv", CSV.replace(",3,9", ",inf,9"), ("line 4", "infinite", "the 2 rows")),
        ("a.csv", CSV.replace("\n0,2,3", "\n,2,3"), ("line 4", "column user", "no id")),
        ("a.csv", CSV.replace("\n0,2,3", "\n\n0,2"), ("line 5", "4 columns, got 3")),
        ("a.csv", "user,item,rating\n1,1,5\n2,2,4\n", ("2 ratings", "10")),
        ("a.parquet", CSV, ("damaged",)),
        ("a.zip", CSV, ("damaged",)),
        ("a.csv.gz", CSV, ("damaged",)),
    ],
)
def test_faults(tmp_path: Path, name: str, text: str, parts: tuple[str, ...]) -> None:
    message = fault(write(tmp_path, name, text))
    assert all(part in message for part in parts), message


def test_missing_files(tmp_path: Path) -> None:
    assert "folder" in fault(tmp_path)
    assert "no such file" in fault(tmp_path / "b.csv")


def test_given_columns_that_do_not_fit(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", CSV)
    assert "'star' is not there" in fault(path, Columns(rating="star"))
    assert "'when' is not there" in fault(path, Columns(timestamp="when"))


def test_cut_files(tmp_path: Path) -> None:
    packed = gzip.compress(CSV.encode())
    (tmp_path / "a.csv.gz").write_bytes(packed[:-12])
    assert "damaged" in fault(tmp_path / "a.csv.gz")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("ratings.csv", CSV)
    whole = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(whole[:-30])
    assert "damaged" in fault(tmp_path / "a.zip")
    (tmp_path / "a.zip").write_bytes(whole.replace(b"0,0,1", b"0,0,7"))
    assert "damaged" in fault(tmp_path / "a.zip")


@pytest.mark.parametrize("names", [[], ["README"], ["a.csv", "b.csv"]])
def test_a_zip_must_hold_one_table(tmp_path: Path, names: list[str]) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, CSV)
    assert (", ".join(names[-2:]) if len(names) > 1 else "none") in fault(path)


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(CSV.replace("\n0,", "\n\xe9,").encode("latin-1"))
    assert set(read_table(path)["user"]) == {"\xe9", "1", "2"}


def test_movielens_100k(data_dir: Path) -> None:
    read = read_table(data_dir / "ml-100k" / "u.data")
    assert read.nunique()[["user", "item", "rating"]].tolist() == [943, 1682, 5]
    assert len(read) == 100_000
    parts = [read_table(data_dir / "ml-100k" / name) for name in ("u1.base", "u1.test")]
    assert [len(part) for part in parts] == [80_000, 20_000]


def test_movielens_1m(data_dir: Path) -> None:
    path = data_dir / "ml-1m" / "ml-1m.zip"
    if not path.is_file():
        pytest.skip(f"no {path}")
    read = read_table(path)
    assert len(read) == 999_714
    assert read.nunique()[["user", "item"]].tolist() == [6040, 3449]


@pytest.mark.filterwarnings("ignore:.*again:UserWarning")
@pytest.mark.parametrize(
    ("name", "contexts", "values"),
    [("tripadvisor", ("trip_type",), [5]), ("frappe", ("daytime", "weekday"), [7, 7])],
)
def test_contexts(data_dir: Path, name: str, contexts: tuple[str, ...], values: list[int]) -> None:
    path = data_dir / "context" / f"{name}.csv"
    if not path.is_file():
        pytest.skip(f"no {path}")
    read = read_table(path, Columns(contexts=contexts))
    assert list(read) == ["user", "item", *contexts, "rating"]
    assert read[list(contexts)].nunique().tolist() == values
