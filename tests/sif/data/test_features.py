"""Tables of users and items become features: what each column is, and the matrix."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nasp.errors import NaspError
from sif.config import DataOptions
from sif.data import Encoder
from sif.data.feature_columns import FoundColumns, find_feature_columns
from sif.data.features import Features
from sif.data.side_table import read_side_table

ROWS = 40


def found(values: list[Any], name: str = "a", bins: int = 4, header: bool = True) -> FoundColumns:
    frame = pd.DataFrame({name: pd.Series(values)})
    return find_feature_columns(frame, bins, header)


@pytest.mark.parametrize(
    ("values", "kind", "names"),
    [
        (["x", "y"] * 20, "category", ["a=x", "a=y"]),
        ([*["x", "y"] * 19, "z", None], "category", ["a=x", "a=y"]),  # one z only
        ([1, 5, 9] * 13, "category", ["a=1", "a=5", "a=9"]),
        ([0, 1, 1, 1] * 10, "category", ["a=0", "a=1"]),
        ([True, False] * 20, "category", ["a=0", "a=1"]),
        (["0", "1"] * 20, "category", ["a=0", "a=1"]),
        (list(range(40)), "number", ["a=below 10", "a=10–20", "a=20–30", "a=from 30"]),
        ([f"{n}.5" for n in range(40)], "number", None),
        (["p|q", "q", "p|r", "r | q|q"] * 10, "list", ["a=p", "a=q", "a=r"]),
        (["p;q", "q", "p;r", "r"] * 10, "list", ["a=p", "a=q", "a=r"]),
        (["p, q", "q", "p, r", "r"] * 10, "list", ["a=p", "a=q", "a=r"]),
        ([["p", "q"], ["q"], [], ["r", "p"]] * 10, "list", ["a=p", "a=q", "a=r"]),
        (["x", "y", ""] * 20, "category", ["a=x", "a=y"]),
        (["x, y", "z, u"] * 20, "category", ["a=x, y", "a=z, u"]),  # parts are not shared
        (["01-Jan-1995", "05-Feb-1996"] * 20, "year", ["a=1995", "a=1996"]),
        (["1995-01-31", "1996-02-01"] * 20, "year", ["a=1995", "a=1996"]),
        (pd.to_datetime(["1995-01-31", "1996-02-01"] * 20).tolist(), "year", None),
    ],
)
def test_what_a_column_is(values: list[Any], kind: str, names: list[str] | None) -> None:
    (column,) = found(values).features
    assert column.kind == kind
    if names is not None:
        assert column.names == names


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([None] * 40, "empty"),
        (["x"] * 40, "one value"),
        ([3] * 39 + [None], "one value"),
        ([f"http://x.org/{n}" for n in range(40)], "all different"),
        ([f"a film about {n}, among others" for n in range(40)], "all different"),
        ([n % 16 for n in range(16)], "no value twice"),
        ([b"\xff", b"\xfe"] * 20, "neither text nor numbers"),
        ([{"a": 1}, {"a": 2}] * 20, "neither text nor numbers"),
    ],
)
def test_useless_columns_are_left_out(values: list[Any], why: str) -> None:
    assert found(values, bins=16) == FoundColumns((), {"a": why}, None)


def test_titles_are_kept_for_display() -> None:
    titles = [f"The {n}, vol. {n}" for n in range(40)]
    for name, header, title in (
        *(("movie_title", True, "movie_title"), ("Name", True, "Name")),
        *(("plot", True, None), ("2", False, "2")),
    ):
        assert found(titles, name, header=header).title == title
    addresses = [f"http://x.org/{n}" for n in range(40)]
    assert found(addresses, "2", header=False).title is None


def test_columns_of_zeros_and_ones_are_one_list() -> None:
    frame = pd.DataFrame(
        {"Drama": [0, 1, 1, 1] * 10, "War": ["1", "0", "1", "0"] * 10, "never": [0] * 40}
    )
    got = find_feature_columns(frame, 16)
    (column,) = got.features
    assert column.kind == "indicators"
    assert column.names == ["Drama", "War"]
    assert got.left_out == {"never": "one value"}
    read = column.read(frame[:3])
    assert sorted(zip(read["row"], read["value"], strict=True)) == [
        *((0, "War"), (1, "Drama"), (2, "Drama"), (2, "War"))
    ]


def write(path: Path, lines: list[str], encoding: str = "utf-8") -> Path:
    path.write_text("\n".join(lines), encoding=encoding)
    return path


ITEMS = [
    "movieId,title,genres,year",
    "7,Seven,Drama|War,1995",
    "1,Toys,Comedy,1995",
    "9,Nine,Comedy|Drama|War,1996",
    "4,Four,,1996",
    "99,Never,Drama,1990",
]


def test_the_matrix(tmp_path: Path) -> None:
    table = read_side_table(write(tmp_path / "items.csv", ITEMS), "item")
    features = Features.fit(table, pd.Index([1, 4, 5, 7, 9]), "item")
    assert features.names == (
        *("genres=Comedy", "genres=Drama", "genres=War", "year=1995", "year=1996"),
    )
    half, third = 2**-0.5, 3**-0.5
    assert np.allclose(
        features.matrix.toarray(),
        [
            [1, 0, 0, 1, 0],
            [0, 0, 0, 0, 1],
            [0, 0, 0, 0, 0],  # item 5 has no row
            [0, half, half, 1, 0],
            [third, third, third, 0, 1],
        ],
    )
    assert features.matrix.dtype == np.float32
    assert features.titles is not None
    assert features.titles.tolist() == ["Toys", "Four", "", "Seven", "Nine"]
    assert features.note == (
        "items.csv: 4 of 5 items of training have features, other rows: 1; item=movieId; "
        "genres (list, 3), year (category, 2); title=title"
    )
    fresh = pd.DataFrame({"genres": ["War|Western", None], "year": ["1995", "1990"]})
    assert features.encode(fresh).toarray().tolist() == [[0, 0, 1, 1, 0], [0, 0, 0, 0, 0]]


def test_ids_of_any_type_and_files_of_any_form(tmp_path: Path) -> None:
    table = read_side_table(write(tmp_path / "items.csv", ITEMS), "item")
    known = pd.Index([1, 4, 5, 7, 9])
    expected = Features.fit(table, known, "item").matrix.toarray()
    frame = pd.read_csv(tmp_path / "items.csv")
    frame[["year", "genres", "title", "movieId"]].to_parquet(tmp_path / "items.parquet")
    typed = read_side_table(tmp_path / "items.parquet", "item")
    assert typed.id_column == "movieId"
    features = Features.fit(typed, known, "item")
    assert features.names[:2] == ("year=1995", "year=1996")
    assert np.allclose(features.matrix.toarray()[:, [2, 3, 4, 0, 1]], expected)
    texts = Features.fit(table, pd.Index(["1", "4", "5", "7", "9"]), "item")
    assert np.allclose(texts.matrix.toarray(), expected)


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        (["item,kind", "1,a", "2,b", "1,a"], ("line 4, column item: '1' has a row before",)),
        (["item,kind", "1,a", ",b"], ("line 3, column item: no id",)),
        (["item,kind,kind", "1,a,b"], ("column 'kind' appears twice",)),
        (["item,kind"], ("holds no items",)),
        (["item,kind", "1,a", "2"], ("line 3",)),
        (["item,kind", "x,a", "y,a"], ("column item: no id is one of training; x for", "from 1:")),
        (["item,kind", "1,a", "2,b"], ("no column gives features: kind (all different)",)),
    ],
)
def test_bad_side_tables(tmp_path: Path, lines: list[str], parts: tuple[str, ...]) -> None:
    path = write(tmp_path / "items.csv", lines)
    with pytest.raises(NaspError) as caught:
        Features.fit(read_side_table(path, "item"), pd.Index([1, 2, 3]), "item")
    message = str(caught.value)
    assert "\n" not in message
    assert all(part in message for part in ("items.csv", *parts)), message


def test_features_and_times_are_part_of_the_data(tmp_path: Path) -> None:
    user, item = np.divmod(np.arange(60), 6)
    frame = pd.DataFrame({"user": user, "item": item, "rating": 1 + user % 3, "mood": item % 2})
    frame.assign(timestamp=np.arange(60)).to_csv(tmp_path / "a.csv", index=False)
    write(tmp_path / "users.csv", ["user,sex", *(f"{n},{'mf'[n % 2]}" for n in range(10))])
    said: list[str] = []
    options = DataOptions(
        data=str(tmp_path / "a.csv"),
        columns="context=mood",
        user_features=tmp_path / "users.csv",
        time_bins=5,
    )
    data = options.task_data(1, said.append)
    users, items, moods = data.sides.features(Encoder.fit(data.splits.train))
    assert users is not None
    expected = [[n % 2, 1 - n % 2] for n in range(10)]  # sex=f, sex=m
    assert users.matrix.toarray().tolist() == expected
    assert items is moods is None
    bins = data.sides.bins(data.splits.train)
    assert bins is not None
    assert np.bincount(bins.codes(data.splits.train)).tolist() == [6] * 5
    assert said[-2:] == [
        "users.csv: 10 of 10 users of training have features; user=user; sex (category, 2)",
        "times are in 5 bins",
    ]


def test_movielens_in_its_own_form(data_dir: Path) -> None:
    folder = data_dir / "ml-100k"
    users = Features.fit(
        read_side_table(folder / "u.user", "user"), pd.Index(range(1, 944)), "user"
    )
    assert [(c.columns[0], c.kind) for c in users.columns] == [
        *(("2", "number"), ("3", "category"), ("4", "category"), ("5", "category")),
    ]
    assert {"3=F", "3=M", "4=student"} < set(users.names)
    items = Features.fit(
        read_side_table(folder / "u.item", "item"), pd.Index(range(1, 1683)), "item"
    )
    assert [(c.columns[0], c.kind, len(c.columns)) for c in items.columns] == [
        *(("3", "year", 1), ("6", "indicators", 19)),
    ]
    assert items.titles is not None
    assert items.titles[[0, 541]].tolist() == ["Toy Story (1995)", "Pocahontas (1995)"]
    assert any("é" in title for title in items.titles)  # its encoding is Latin-1
    genres = items.matrix[0, [items.names.index(name) for name in ("9", "10", "11")]].toarray()
    assert np.allclose(genres, 3**-0.5)
    assert "not used: 4 (empty), 5 (all different)" in items.note
