"""Cards and look-up of image data."""

from pathlib import Path

from nasp.data.cards import Card
from nasp.data.locate import find_data


class ImageCard(Card):
    """The card of an image data set, which is a folder, a tar or an archive."""

    KIND = "image"
    USUAL_PLACES = ("{name}/{name}.tar", "{name}", "{name}.tar")


def find_images(data: str, data_dir: Path | None = None) -> Path:
    """Return the path of image data.

    A name is searched in `data_dir`, in the folder of the environment variable NASP_DATA, and in
    the working folder. The data may be at the places in the card, in a folder of that name, or in a
    tar of that name, which may be in a folder of that name.

    Args:
        data: A path, the name of a card, for example `cifar10`, or the name of a folder of data.
        data_dir: A folder that holds data sets.

    Raises:
        NaspError: The data or a folder are missing; the message says where to get the data.
    """
    return find_data(data, data_dir, ImageCard)
