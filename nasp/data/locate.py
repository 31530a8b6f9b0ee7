"""Data sets by a name or by a path."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from nasp.atomic_io import check_regular
from nasp.errors import NaspError, nearest


def find_data(
    data: str,
    data_dir: Path | None,
    kind: str,
    places: Sequence[str],
    sources: Mapping[str, str],
) -> Path:
    """Return where data are.

    A name is looked for in `data_dir`, in the folder in the environment variable NASP_DATA, and in
    the working folder.

    Args:
        data: A path, or a name: one of `sources`, or whatever folder is there.
        data_dir: A folder that holds data sets.
        kind: What the data are, `image` for example, for the messages.
        places: Where data of that name may lie in a folder of data sets; the first that exists.
        sources: Of each known name where its data are to be had.

    Raises:
        NaspError: Nothing is there, or a folder is missing; the message says where to get the data.
    """
    path = Path(os.path.expanduser(data))  # Path's own raises for an unknown ~user
    if data and data not in sources and path.exists():
        if not path.is_dir():
            check_regular(path, "data")
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
        for place in places:
            if (root / place).exists():
                return root / place
    if data in sources:
        raise NaspError(
            f"{data} is in none of {', '.join(map(str, roots))}: "
            f"{sources[data]}, and put it into a folder named in NASP_DATA"
        )
    there = {entry.name for root in folders.values() for entry in root.iterdir() if entry.is_dir()}
    raise NaspError(
        f"unknown {kind} data {data!r}{nearest(data, {*sources, *there})}; give a path, or the "
        "name of a folder in the folder named in NASP_DATA"
    )
