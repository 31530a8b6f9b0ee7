"""Data are found by a path, or by a name in the folders of data sets."""

from pathlib import Path

import pytest

import nasp.data.cards
from nasp.data.cards import Card
from nasp.data.locate import find_data
from nasp.errors import NaspError

CARD = """
{kind: text, title: Words, aliases: [terms], homepage: h, licence: l, citation: c, format: f,
counts: {}, obtain: get words.zip}
"""


class WordCard(Card):
    KIND = "text"
    USUAL_PLACES = ("{name}/{name}.zip", "{name}")


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    working = tmp_path / "working"
    working.mkdir()
    card = make(tmp_path / "package" / "datasets" / "words" / "card.yaml")
    card.write_text(CARD)
    monkeypatch.setattr(nasp.data.cards, "resource", lambda name: tmp_path / "package" / name)
    monkeypatch.chdir(working)
    monkeypatch.delenv("NASP_DATA", raising=False)


def find(data: str, data_dir: Path | None = None) -> Path:
    return find_data(data, data_dir, WordCard)


def make(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_a_path_is_itself(tmp_path: Path) -> None:
    folder = make(tmp_path / "some" / "a.tar").parent
    assert find(str(folder)) == folder
    assert find(str(folder / "a.tar")) == folder / "a.tar"


def test_the_first_place_that_exists(tmp_path: Path) -> None:
    make(tmp_path / "words" / "train.txt")
    assert find("words", tmp_path) == tmp_path / "words"
    archive = make(tmp_path / "words" / "words.zip")
    assert find("words", tmp_path) == archive


def test_by_an_alias_in_the_places_of_the_name(tmp_path: Path) -> None:
    make(tmp_path / "terms" / "train.txt")
    assert find("terms", tmp_path) == tmp_path / "terms"
    make(tmp_path / "words" / "train.txt")
    assert find("terms", tmp_path) == tmp_path / "words"


def test_a_card_of_ones_own_beside_the_data(tmp_path: Path) -> None:
    card = make(tmp_path / "datasets" / "tales" / "card.yaml")
    card.write_text(CARD.replace("obtain:", "places: [old/tales], obtain:").replace("terms", "t.1"))
    make(tmp_path / "old" / "tales" / "train.txt")
    assert find("tales", tmp_path) == tmp_path / "old" / "tales"
    assert find("t.1", tmp_path) == tmp_path / "old" / "tales"
    with pytest.raises(NaspError, match="unknown text data 'tales'"):
        find("tales")


def test_data_dir_then_the_environment_then_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "working"):
        make(tmp_path / name / "words" / "train.txt")
    assert find("words") == tmp_path / "working" / "words"
    monkeypatch.setenv("NASP_DATA", str(tmp_path / "b"))
    assert find("words") == tmp_path / "b" / "words"
    assert find("words", tmp_path / "a") == tmp_path / "a" / "words"


def test_what_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NaspError, match=r"words is in none of .*working: get words\.zip, and put"):
        find("words")
    with pytest.raises(NaspError, match=r"unknown text data 'word' \(did you mean 'words'\?"):
        find("word")
    make(tmp_path / "mine" / "a")
    with pytest.raises(NaspError, match=r"unknown text data 'mime' \(did you mean 'mine'\?"):
        find("mime", tmp_path)
    with pytest.raises(NaspError, match="unknown text data '~nobody-of-this-name'"):
        find("~nobody-of-this-name")
    for path in ("a/b", "b.tar", ""):
        with pytest.raises(NaspError, match=f"'{path}': no such file or folder"):
            find(path)
    with pytest.raises(NaspError, match=r"data_dir: .*none is not a folder"):
        find("words", tmp_path / "none")
    monkeypatch.setenv("NASP_DATA", str(tmp_path / "none"))
    with pytest.raises(NaspError, match=r"NASP_DATA: .*none is not a folder"):
        find("words")
