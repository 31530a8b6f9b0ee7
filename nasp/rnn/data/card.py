"""Cards and look-up of text data."""

from pathlib import Path

from nasp.data.cards import Card
from nasp.data.locate import find_data


class TextCard(Card):
    """The card of a text data set, which is a folder or an archive with three files of words."""

    KIND = "text"
    USUAL_PLACES = ("{name}",)


def find_text(data: str, data_dir: Path | None = None) -> Path:
    """Return the path of text data.

    A name is searched in `data_dir`, in the folder of the environment variable NASP_DATA, and in
    the working folder. The data may be at the places in the card, or in a folder of that name.

    Args:
        data: A path, the name of a card, for example `ptb`, or the name of a folder of data.
        data_dir: A folder that holds data sets.

    Raises:
        NaspError: The data or a folder are missing; the message says where to get the data.
    """
    return find_data(data, data_dir, TextCard)
