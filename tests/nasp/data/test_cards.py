"""Cards: their content, the places where they are found, and errors in them."""

import re
from pathlib import Path
from typing import ClassVar

import pytest
import yaml

import nasp.data.cards
from nasp.cli.package_files import resource
from nasp.cnn.data.card import ImageCard
from nasp.data.cards import Card, all_cards, find_card
from nasp.errors import NaspError
from nasp.files.schema import Rule, integer
from nasp.rnn.data.card import TextCard
from sif.data.card import RatingCard

WORDS = {
    "kind": "text",
    "title": "Words",
    "aliases": ["many-words"],
    "homepage": "",
    "licence": "free",
    "citation": "",
    "format": "",
    "counts": {},
    "obtain": "write some",
}


class CountedCard(Card):
    """Cards with an additional key."""

    KIND = "text"
    KEYS: ClassVar[dict[str, Rule]] = {"words": integer()}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with one card; returns the folder that contains it."""
    monkeypatch.setattr(nasp.data.cards, "resource", lambda relative: tmp_path / "own" / relative)
    monkeypatch.delenv("NASP_DATA", raising=False)
    write(tmp_path / "own", "words")
    (tmp_path / "working").mkdir()
    monkeypatch.chdir(tmp_path / "working")
    return tmp_path


def write(root: Path, name: str, **change: object) -> Path:
    path = root / "datasets" / name / "card.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump({**WORDS, **change}))
    return path


def test_a_card_by_name_and_alias() -> None:
    card = find_card("words", TextCard)
    assert card == find_card("many-words", TextCard)
    assert card is not None
    assert (card.names, card.title) == (("words", "many-words"), "Words")
    assert list(all_cards(TextCard)) == ["words", "many-words"]
    assert find_card("word", TextCard) is None


def test_a_card_is_of_one_kind(folder: Path) -> None:
    assert find_card("words", ImageCard) is None
    assert all_cards(ImageCard) == {}
    write(folder / "own", "pictures", kind="image", aliases=["words", "many-words"])
    assert list(all_cards(TextCard)) == ["words", "many-words"]
    assert list(all_cards(ImageCard)) == ["pictures", "words", "many-words"]
    card = find_card("words", ImageCard)
    assert card is not None
    assert card.name == "pictures"


def test_cards_beside_the_users_data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("own", "given", "named", "working"):
        write(folder / place, place, title=place, aliases=[])
        if place != "own":
            write(folder / place, "words", title=place, aliases=[])
            write(folder / place, "shared", title=place, aliases=[])
    monkeypatch.setenv("NASP_DATA", str(folder / "named"))

    def titles(data_dir: Path | None) -> dict[str, str]:
        return {name: card.title for name, card in all_cards(TextCard, data_dir).items()}

    first = {"own": "own", "words": "Words", "many-words": "Words"}  # the package's card
    mine = {"named": "named", "shared": "named", "working": "working"}
    assert titles(None) == first | mine
    assert titles(folder / "given") == first | mine | {"given": "given", "shared": "given"}
    card = find_card("shared", TextCard, folder / "given")
    assert card is not None
    assert card.title == "given"
    monkeypatch.delenv("NASP_DATA")
    assert titles(None) == first | {"shared": "working", "working": "working"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "imgae"}, "kind must be one of 'rating', 'image', 'text'"),
        ({"kind": ["text"]}, "kind must be one of"),
        ({"aliases": "small"}, "aliases must be a list"),
        ({"counts": {"users": True}}, "counts.users must be a whole number"),
        ({"title": 3}, "title must be text"),
        ({"licence": None}, "licence must be text"),
        ({"more": 1}, "more is not a known key"),
        ({"words": 1}, "words is not a known key"),
        ({"places": ["a", "../b"]}, r"places[1] must be a path within"),
        ({"obtain": None}, "it has neither archive nor file nor obtain"),
        ({"file": {"path": "../../etc/passwd"}}, "file.path must be a path within"),
        ({"file": {"path": "/etc/passwd"}}, "file.path must be a path within"),
        ({"file": {"path": "a.csv", "bytes": -1}}, "file.bytes must be a whole number"),
        ({"file": {"path": "a.csv", "sha256": "0x"}}, "file.sha256 must be 64 hexadecimal"),
        ({"archive": {"url": "https://a/b.zip"}}, "archive has no size"),
        ({"archive": {"url": "file:///a/b.zip", "bytes": 9}}, "archive.url must be the http"),
        ({"archive": {"url": "https://a/", "bytes": 9}}, "archive.url must be the http"),
        ({"archive": {"url": "https://a/b.zip", "bytes": 9, "member": {"path": "x"}}}, "no size"),
        ({"archive": ["https://a/b.zip"]}, "archive must be a mapping"),
        (
            {"fallback": {"package": "--index-url=x", "member": {"path": "x", "bytes": 1}}},
            "fallback.package must be name==version",
        ),
    ],
)
def test_a_wrong_card_is_refused_and_breaks_no_other(
    folder: Path, change: dict[str, object], message: str
) -> None:
    path = write(folder / "own", "broken", **{"aliases": ["crooked"], **change})
    with pytest.warns(UserWarning, match=f"a data set is left out: .*{re.escape(message)}"):
        assert list(all_cards(TextCard)) == ["words", "many-words"]
    with pytest.raises(NaspError) as caught:
        find_card("broken", TextCard)
    assert str(caught.value).startswith(f"{path}: not a card of a data set: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_kind_checks_its_own_keys(folder: Path) -> None:
    path = write(folder / "own", "counted", words=-1)
    with pytest.raises(NaspError, match=f"{path}: .*: words must be a whole number"):
        CountedCard.read(path)


@pytest.mark.parametrize(
    "content", [b"", b"a: [", b"\xff", b"[]", b"{" * 10_000, b"a: " + b"9" * 5000]
)
def test_a_file_that_is_no_card_is_named(folder: Path, content: bytes) -> None:
    path = folder / "own" / "datasets" / "words" / "card.yaml"
    path.write_bytes(content)
    with pytest.raises(NaspError, match=rf"{path}: not a (card of a data set|YAML file)"):
        find_card("words", TextCard)


def test_a_name_belongs_to_one_data_set(folder: Path) -> None:
    write(folder / "own", "z")
    with pytest.warns(UserWarning, match="'many-words' is the name of another card"):
        assert all_cards(TextCard)["many-words"].name == "words"


@pytest.mark.parametrize(
    ("form", "names"),
    [
        (RatingCard, {"movielens", "ml-1m", "frappe", "tripadvisor"}),
        (ImageCard, {"cifar10", "imagenet"}),
        (TextCard, {"ptb", "wikitext-2"}),
    ],
)
def test_the_packages_own_cards(
    form: type[Card], names: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nasp.data.cards, "resource", resource)
    cards = all_cards(form)
    assert names <= set(cards)
    for card in cards.values():
        assert all((card.title, card.homepage, card.licence, card.citation, card.format))
        assert card.counts
