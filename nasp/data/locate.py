"""Data sets of images and text by a name or by a path."""

import os
from pathlib import Path

from nasp.atomic_io import check_regular
from nasp.data.cards import Card, all_cards, find_card
from nasp.data.fetch import data_folders, fetch
from nasp.errors import NaspError, nearest


def find_data(data: str, data_dir: Path | None, form: type[Card]) -> Path:
    """Return where data are.

    A name is looked for in `data_dir`, in the folder in the environment variable NASP_DATA, and in
    the working folder; data whose card has an address are downloaded where they are in none.

    Args:
        data: A path, or a name: that of a card, or whatever folder is there.
        data_dir: A folder that holds data sets.
        form: Class of the cards of this kind of data.

    Raises:
        NaspError: Nothing is there, or a folder is missing; the message says where to get the data.
    """
    card = find_card(data, form, data_dir)
    path = Path(os.path.expanduser(data))  # Path's own raises for an unknown ~user
    if data and card is None and path.exists():
        if not path.is_dir():
            check_regular(path, "data")
        return path
    if not data or (card is None and (path.suffix or len(path.parts) != 1)):
        raise NaspError(f"{data!r}: no such file or folder; check the path")
    folders = list(data_folders(data_dir))
    roots = [*folders, Path.cwd()]
    if card is not None:
        return fetch(card, roots, data_dir)
    for root in roots:
        for place in form.usual_places(data):
            if (root / place).exists():
                return root / place
    there = {entry.name for root in folders for entry in root.iterdir() if entry.is_dir()}
    hint = nearest(data, {*all_cards(form, data_dir), *there})
    raise NaspError(
        f"unknown {form.KIND} data {data!r}{hint}; give a path, or the "
        "name of a folder in the folder named in NASP_DATA"
    )
