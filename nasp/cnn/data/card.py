"""Image data by a name or by a path."""

from pathlib import Path

from nasp.data.cards import Card
from nasp.data.locate import find_data


class ImageCard(Card):
    """What a set of images is: a folder, a tar or an archive of a form that can be read."""

    KIND = "image"
    USUAL_PLACES = ("{name}/{name}.tar", "{name}", "{name}.tar")


def find_images(data: str, data_dir: Path | None = None) -> Path:
    """Return where image data are.

    A name is looked for in `data_dir`, in the folder in the environment variable NASP_DATA, and in
    the working folder: where its card in `datasets/` says, as a folder of that name, or as a tar
    of that name by itself or in a folder of that name.

    Args:
        data: A path, or a name: that of a card, `cifar10` for example, or whatever folder is there.
        data_dir: A folder that holds data sets.

    Raises:
        NaspError: Nothing is there, or a folder is missing; the message says where to get the data.
    """
    return find_data(data, data_dir, ImageCard)
