"""Image data by a name or by a path."""

from pathlib import Path

from nasp.data.locate import find_data

# Where else the data of a name may lie in a folder of data sets, and where they are to be had.
PLACES: dict[str, tuple[str, ...]] = {
    "cifar10": (
        "cifar10/cifar-10-batches-py",
        "cifar10/cifar-10-python.tar.gz",
        "cifar-10-batches-py",
        "cifar-10-python.tar.gz",
    ),
}
SOURCES = {
    "cifar10": (
        "download https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz "
        "(md5 c58f30108f718f92721af3b95e74349a)"
    ),
    "imagenet": (
        "get it at https://image-net.org, and arrange it as train/<class>/ and val/<class>/"
    ),
}


def find_images(data: str, data_dir: Path | None = None) -> Path:
    """Return where image data are.

    A name is looked for in `data_dir`, in the folder in the environment variable NASP_DATA, and in
    the working folder: as a folder of that name, or as a tar of that name by itself or in a folder
    of that name; `cifar10` also under the names of the official archive.

    Args:
        data: A path, or a name: `cifar10`, `imagenet`, or whatever folder is there.
        data_dir: A folder that holds data sets.

    Raises:
        NaspError: Nothing is there, or a folder is missing; the message says where to get the data.
    """
    places = (*PLACES.get(data, ()), f"{data}/{data}.tar", data, f"{data}.tar")
    return find_data(data, data_dir, "image", places, SOURCES)
