"""Look-up of image and text data by name or path."""

import os
from pathlib import Path

from nasp.atomic_io import check_regular
from nasp.data.cards import Card, all_cards, find_card
from nasp.data.fetch import data_folders, fetch
from nasp.errors import NaspError, nearest


def find_data(data: str, data_dir: Path | None, form: type[Card]) -> Path:
    """Return the path of data.

    A name is searched in `data_dir`, in the folder of the environment variable NASP_DATA, and in
    the working folder. Data that are in none of them are downloaded if their card has an address.

    Args:
        data: A path, the name of a card, or the name of a folder of data.
        data_dir: A folder that holds data sets.
        form: The class of the cards of this kind of data.

    Raises:
        NaspError: The data or a folder are missing; the message says where to get the data.
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
