"""Text data by a name or by a path."""

from pathlib import Path

from nasp.data.cards import Card
from nasp.data.locate import find_data


class TextCard(Card):
    """What a text is: a folder or an archive that holds three files of words."""

    KIND = "text"
    USUAL_PLACES = ("{name}",)


def find_text(data: str, data_dir: Path | None = None) -> Path:
    """Return where text data are.

    A name is looked for in `data_dir`, in the folder in the environment variable NASP_DATA, and in
    the working folder: where its card in `datasets/` says, or as a folder of that name.

    Args:
        data: A path, or a name: that of a card, `ptb` for example, or whatever folder is there.
        data_dir: A folder that holds data sets.

    Raises:
        NaspError: Nothing is there, or a folder is missing; the message says where to get the data.
    """
    return find_data(data, data_dir, TextCard)
