"""Cards of data sets: description, possible locations and download address of a named data set."""

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

KINDS = ("rating", "image", "text", "table")


@dataclass(frozen=True)
class Member:
    """A file in an archive, or in a folder of data sets.

    Attributes:
        path: Path in the archive or folder.
        bytes: Exact size, if it is known and does not change.
        most_bytes: Upper bound of the size, if the exact size is not known.
        sha256: Checksum in hexadecimal, if it is known.
    """

    path: str
    bytes: int | None = None
    most_bytes: int | None = None
    sha256: str | None = None

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return PurePosixPath(self.path).name


@dataclass(frozen=True)
class Archive:
    """A file on the web: a zip that contains the data, or a file that the reader opens directly.

    Attributes:
        url: The official address.
        member: The file in the zip; None if the reader opens the archive itself.
        bytes: Exact size of the archive, if it is known and does not change.
        most_bytes: Upper bound of the size, if the exact size is not known.
        md5: The publisher's checksum of the archive, in hexadecimal; None if it changes.
    """

    url: str
    member: Member | None = None
    bytes: int | None = None
    most_bytes: int | None = None
    md5: str | None = None

    @property
    def name(self) -> str:
        """The archive's name without its address."""
        return PurePosixPath(self.url).name


@dataclass(frozen=True)
class Package:
    """A Python package that contains the data.

    Attributes:
        package: The requirement for pip, `name==version`.
        member: The file in its wheel.
    """

    package: str
    member: Member


@dataclass(frozen=True)
class Card:
    """Description and source of a data set; each kind of data has a subclass.

    Attributes:
        KIND: The kind of data, one of `KINDS`.
        KEYS: Rules of the additional keys of cards of this kind. The subclass has a field of the
            same name, with a default, for each.
        USUAL_PLACES: Possible locations of data in a folder of data sets; `{name}` stands for the
            name.
        name: Name of the card's folder in a folder `datasets/`.
        title: Its name for people.
        aliases: Other names for `--data`.
        homepage: Address of its description.
        licence: Its licence, in short.
        citation: The publication to cite.
        format: Layout of the data.
        counts: Published numbers of users, images, words and so on.
        places: Further possible locations in a folder of data sets; the first that exists counts.
        archive: The official source; None if the user has to provide the data.
        fallback: The source if the official source cannot be reached.
        file: The file that the user has to provide.
        obtain: How to get the file that the user has to provide, as the start of a sentence.
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
        """The name and the aliases."""
        return (self.name, *self.aliases)

    @property
    def members(self) -> tuple[Member, ...]:
        """The single files that hold the data, in order of preference."""
        sources = [source.member for source in (self.archive, self.fallback) if source is not None]
        return tuple(member for member in (*sources, self.file) if member is not None)

    @classmethod
    def usual_places(cls, name: str) -> tuple[str, ...]:
        """Return the possible locations of a name in a folder of data sets, even without a card."""
        return tuple(place.format(name=name) for place in cls.USUAL_PLACES)

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read a `card.yaml`; the name of its folder is the data set's name.

        Returns:
            The card; None if it is of another kind of data.

        Raises:
            NaspError: The file is not a card; the message names the file and the key.
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
    """Return the cards of a kind by name and alias, with a warning for each invalid card.

    Args:
        form: The class of the card.
        data_dir: A folder that holds data sets, and cards in its subfolder `datasets/`.
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
    """Return the card of a name or alias; None if there is none of this kind.

    Args:
        name: A name.
        form: The class of the card.
        data_dir: A folder that holds data sets, and cards in its subfolder `datasets/`.

    Raises:
        NaspError: The card is invalid.
    """
    for path in _paths(data_dir):
        if path.parent.name == name and (card := form.read(path)) is not None:
            return card
    return all_cards(form, data_dir).get(name)


def _paths(data_dir: Path | None) -> list[Path]:
    """Return the files of all cards: the package's cards, then the user's.

    The user's cards are in `datasets/` in `data_dir`, in the folder that the environment variable
    NASP_DATA names, and in the working folder. The first of several cards of one name counts.
    """
    given = [folder for folder in (data_dir, os.environ.get("NASP_DATA")) if folder]
    folders = [*(os.path.expanduser(folder) for folder in given), "."]
    paths: dict[str, Path] = {}
    for folder in (resource("datasets"), *(Path(folder, "datasets") for folder in folders)):
        for path in sorted(folder.glob("*/card.yaml")):
            paths.setdefault(path.parent.name, path)
    return list(paths.values())


def inside(value: Any, name: str) -> None:
    """A rule for a relative path that stays within its folder."""
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
    """A rule for a section that gives a size, because every download needs a bound."""

    def checked(value: Any, name: str) -> None:
        rule(value, name)
        if SIZES.keys().isdisjoint(value):
            raise NaspError(f"{name} has no size: give bytes, or most_bytes")

    return checked


SIZES = {"bytes": integer(1), "most_bytes": integer(1)}
FILE = section({"path": inside}, {**SIZES, "sha256": _hexadecimal(64)})
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
    "places": sequence(inside),
    "archive": optional(ARCHIVE),
    "fallback": optional(section({"package": PACKAGE, "member": MEMBER})),
    "file": optional(FILE),
    "obtain": optional(text),
}
