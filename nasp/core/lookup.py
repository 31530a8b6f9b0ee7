"""Where a command's genotype comes from: a zoo of published ones, a file, or a run's folder."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from nasp.core.genotype import Genotype
from nasp.errors import NaspError, nearest


def find_genotype(
    name_or_path: str, zoo: Mapping[str, Genotype], check: Callable[[Genotype], object]
) -> Genotype:
    """The genotype of a command's option: a name of `zoo`, a genotype.json, or a run's folder.

    A name of the zoo wins over a file of the same name (`./name` reaches that).

    Args:
        name_or_path: What the option says.
        zoo: Published genotypes by name.
        check: Raises a NaspError for a genotype of another space.

    Raises:
        NaspError: There is none, or `check` refuses it; the message names the file.
    """
    if name_or_path in zoo:
        return zoo[name_or_path]
    path = Path(os.path.expanduser(name_or_path))  # Path's own raises for an unknown ~user
    if path.is_dir():
        path /= "genotype.json"
    if not path.is_file():
        raise NaspError(
            f"no genotype {str(path)!r}{nearest(name_or_path, zoo)}: give a genotype.json, a run's "
            f"folder that holds one, or one of {', '.join(zoo)}"
        )
    genotype = Genotype.load(path)
    try:
        check(genotype)
    except NaspError as error:
        raise NaspError(f"{path}: {error}") from error
    return genotype
