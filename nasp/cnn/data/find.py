"""Image data by a name or by a path."""

import os
from pathlib import Path

from nasp.core.errors import NaspError
from nasp.core.nearest import nearest

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
    path = Path(data).expanduser()
    if data and data not in SOURCES and path.exists():
        return path
    if not data or path.suffix or len(path.parts) != 1:
        raise NaspError(f"{data!r}: no such file or folder; check the path")
    given: dict[str, Path | str | None]
    given = {"data_dir": data_dir, "NASP_DATA": os.environ.get("NASP_DATA")}
    folders = {origin: Path(folder).expanduser() for origin, folder in given.items() if folder}
    for origin, folder in folders.items():
        if not folder.is_dir():
            raise NaspError(f"{origin}: {folder} is not a folder; give one that holds data sets")
    roots = [*folders.values(), Path.cwd()]
    for root in roots:
        for place in (*PLACES.get(data, ()), f"{data}/{data}.tar", data, f"{data}.tar"):
            if (root / place).exists():
                return root / place
    if data in SOURCES:
        raise NaspError(
            f"{data} is in none of {', '.join(map(str, roots))}: "
            f"{SOURCES[data]}, and put it into a folder named in NASP_DATA"
        )
    there = {entry.name for root in folders.values() for entry in root.iterdir() if entry.is_dir()}
    raise NaspError(
        f"unknown image data {data!r}{nearest(data, {*SOURCES, *there})}; give a path, or the name "
        "of a folder in the folder named in NASP_DATA"
    )
