"""Look-up of ratings by path or by the name of a card."""

import math
from pathlib import Path

import pytest
import yaml

from nasp.data.cards import all_cards
from nasp.errors import NaspError
from sif.data.card import RatingCard, find_rating_card
from sif.data.columns import Columns
from sif.data.locate import load_ratings, locate_ratings

ROWS = [(u, i, 1 + (u + i) % 5, 100 - i) for u in range(3) for i in range(4)]
RATINGS = "".join("\t".join(map(str, row)) + "\n" for row in ROWS).encode()
CARD = {
    "kind": "rating",
    "title": "Ours",
    "aliases": ["mine"],
    "homepage": "",
    "licence": "free",
    "citation": "",
    "format": "",
    "counts": {},
    "file": {"path": "ours.csv"},
    "columns": "user=1,item=2,rating=3",
    "rating_transform": "log",
}


def write_card(root: Path, **change: object) -> Path:
    path = root / "datasets" / "ours" / "card.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump({**CARD, **change}))
    return path


def test_a_card_beside_the_data(tmp_path: Path) -> None:
    write_card(tmp_path)
    (tmp_path / "ours.csv").write_bytes(RATINGS)
    table = load_ratings("mine", data_dir=tmp_path, say=lambda line: None)
    assert len(table) == len(ROWS)
    assert table.ratings.max() == pytest.approx(math.log(6))
    with pytest.raises(NaspError, match="unknown data set 'mine'"):
        load_ratings("mine")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rating_transform": "sqrt"}, "rating_transform must be one of 'none', 'log'"),
        ({"columns": 1}, "columns must be text"),
        ({"columns": "user"}, "columns: 'user' is not of the form role=column"),
        ({"columns": "usr=1"}, "columns: unknown role 'usr'"),
    ],
)
def test_a_wrong_key_of_ratings(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = write_card(tmp_path, **change)
    with pytest.raises(NaspError, match=f"^{path}: not a card of a data set: {message}"):
        find_rating_card("ours", tmp_path)


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "small"
    path.write_bytes(RATINGS)
    said: list[str] = []
    assert locate_ratings(str(path), say=said.append) == path
    assert not said


def test_wrong_names(tmp_path: Path) -> None:
    with pytest.raises(NaspError, match=r"did you mean 'ml-1m'.*movielens-1m, ml-1m") as caught:
        locate_ratings("ml-1")
    assert "cifar10" not in str(caught.value)
    with pytest.raises(NaspError, match="no such file"):
        locate_ratings("small.csv")
    with pytest.raises(NaspError, match="folder"):
        locate_ratings(str(tmp_path))
    with pytest.raises(NaspError, match="unknown data set 'cifar10'"):
        locate_ratings("cifar10")


def test_cards_are_complete() -> None:
    cards = all_cards(RatingCard)
    card = cards["movielens"]
    assert card is cards["movielens-100k"]
    assert card is cards["ml-100k"]
    assert card.counts == {"users": 943, "items": 1682, "ratings": 100_000}
    assert all(len(item.sha256 or "") == 64 for item in card.members)
    sizes = ("100k", "1m", "10m", "20m", "25m", "32m", "latest-small")
    for name in (f"ml-{size}" for size in sizes):
        archive = cards[name].archive
        assert archive is not None
        assert archive.url == f"https://files.grouplens.org/datasets/movielens/{name}.zip"
        assert len(archive.md5 or "") == (0 if name == "ml-latest-small" else 32)
        assert archive.member.name in ("u.data", "ratings.dat", "ratings.csv")


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("ml-20m/ratings.csv", True),
        ("movielens-20m/ratings.csv", True),
        ("ml-20m.zip", True),
        ("ratings.csv", False),  # of another MovieLens, perhaps
    ],
)
def test_places_of_an_unpacked_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, found: bool
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("nasp.data.fetch._download", lambda *_: Path("from the web"))
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_bytes(RATINGS)
    path = locate_ratings("ml-20m", tmp_path, lambda line: None)
    assert (path == tmp_path / place) == found
    if place == "ml-20m/ratings.csv":  # the folder itself may be named too
        assert locate_ratings("ml-20m", path.parent, lambda line: None) == path


def test_a_data_set_that_has_to_be_brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NASP_DATA", raising=False)
    with pytest.raises(NaspError, match=r"put frappe\.csv into a folder named in NASP_DATA"):
        load_ratings("frappe", data_dir=tmp_path)
    rows = [f"{u},{i},noon,monday,{u + i}" for u in range(4) for i in range(4)]
    path = tmp_path / "context" / "frappe.csv"
    path.parent.mkdir()
    path.write_text("\n".join(["user,item,daytime,weekday,cnt", *rows]))
    said: list[str] = []
    table = load_ratings("frappe", data_dir=tmp_path, say=said.append)
    assert table.columns == ("user", "item", "daytime", "weekday")
    assert table.ratings.max() == pytest.approx(math.log(7))
    assert "log(1 + count)" in said[0]
    counts = load_ratings(
        "frappe", data_dir=tmp_path, columns=Columns(), transform="none", say=said.append
    )
    assert counts.columns == ("user", "item")
    assert counts.ratings.max() == 6
    assert sum("log(1 + count)" in line for line in said) == 1


def test_movielens_on_disk(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASP_DATA", str(data_dir))
    assert locate_ratings("movielens") == data_dir / "ml-100k" / "u.data"
    assert len(load_ratings("movielens")) == 100_000


def test_a_copy_of_movielens_1m_in_its_zip(data_dir: Path) -> None:
    path = data_dir / "ml-1m" / "ml-1m.zip"
    if not path.is_file():
        pytest.skip(f"no {path}")
    assert locate_ratings("ml-1m", data_dir, lambda line: None) == path
