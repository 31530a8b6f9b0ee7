"""Look-up of a genotype in a zoo of published genotypes, in a file, or in a run's folder."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from nasp.core.genotype import Genotype
from nasp.errors import NaspError, nearest


def find_genotype(
    name_or_path: str, zoo: Mapping[str, Genotype], check: Callable[[Genotype], object]
) -> Genotype:
    """Return the genotype that an option names: a name in `zoo`, a genotype.json or a run's folder.

    A name in the zoo has precedence over a file of the same name; `./name` is always a file.

    Args:
        name_or_path: The option's value.
        zoo: Published genotypes by name.
        check: Raises NaspError for a genotype of another space.

    Raises:
        NaspError: No genotype is found, or `check` refuses it; the message names the file.
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
