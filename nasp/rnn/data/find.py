"""Text data by a name or by a path."""

import os
from pathlib import Path

from nasp.core.errors import NaspError
from nasp.core.nearest import nearest

# Where the data of a name may lie in a folder of data sets, and where they are to be had.
PLACES: dict[str, tuple[str, ...]] = {
    "ptb": (
        "ptb",
        "penn",
        "ptb/simple-examples.tgz",
        "simple-examples.tgz",
        "simple-examples/data",
    ),
    "wikitext-2": ("wikitext-2", "wikitext-2/wikitext-2-v1.zip", "wikitext-2-v1.zip"),
}
SOURCES = {
    "ptb": (
        "get the Penn Treebank as Mikolov prepared it, simple-examples.tgz or its ptb.*.txt "
        "(10,000 words)"
    ),
    "wikitext-2": "get wikitext-2-v1.zip, the word-level WikiText-2 of Merity et al.",
}


def find_text(data: str, data_dir: Path | None = None) -> Path:
    """Return where text data are.

    A name is looked for in `data_dir`, in the folder in the environment variable NASP_DATA, and in
    the working folder.

    Args:
        data: A path, or a name: `ptb`, `wikitext-2`, or whatever folder is there.
        data_dir: A folder that holds data sets.

    Raises:
        NaspError: Nothing is there, or a folder is missing; the message says where to get the data.
    """
    path = Path(os.path.expanduser(data))  # Path's own raises for an unknown ~user
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
        for place in PLACES.get(data, (data,)):
            if (root / place).exists():
                return root / place
    if data in SOURCES:
        raise NaspError(
            f"{data} is in none of {', '.join(map(str, roots))}: "
            f"{SOURCES[data]}, and put it into a folder named in NASP_DATA"
        )
    there = {entry.name for root in folders.values() for entry in root.iterdir() if entry.is_dir()}
    raise NaspError(
        f"unknown text data {data!r}{nearest(data, {*SOURCES, *there})}; give a path, or the name "
        "of a folder in the folder named in NASP_DATA"
    )
