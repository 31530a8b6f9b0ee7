"""Look-up of a genotype in a zoo of published genotypes, in a file, or in a run's folder."""

import os
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

from nasp.core.genotype import Genotype
from nasp.errors import NaspError, nearest


def is_notation(text: str) -> bool:
    """Return whether a text is a genotype in DARTS's notation or in NAS-Bench-201's."""
    return text.lstrip().startswith(("Genotype(", "|"))


def find_genotype(
    name_or_path: str,
    zoo: Mapping[str, Genotype],
    check: Callable[[Genotype], object],
    parse: Callable[[str], Genotype] | None = None,
) -> Genotype:
    """Return the genotype that an option names: a name in `zoo`, a genotype.json or a run's folder.

    A name in the zoo has precedence over a file of the same name; `./name` is always a file.

    Args:
        name_or_path: The option's value.
        zoo: Published genotypes by name.
        check: Raises NaspError for a genotype of another space.
        parse: Reads a line in a notation that `is_notation` knows, which then is a genotype, too.

    Raises:
        NaspError: No genotype is found, or `check` refuses it; the message names the file.
    """
    if name_or_path in zoo:
        return zoo[name_or_path]
    if parse is not None and is_notation(name_or_path):
        return parse(name_or_path)
    path = Path(os.path.expanduser(name_or_path))  # Path's own raises for an unknown ~user
    if path.is_dir():
        path /= "genotype.json"
    if not path.is_file():
        line = "" if parse is None else "the line that a search prints, "
        raise NaspError(
            f"no genotype {str(path)!r}{nearest(name_or_path, zoo)}: give a genotype.json, a run's "
            f"folder that holds one, {line}or one of {', '.join(zoo)}"
        )
    genotype = Genotype.load(path)
    try:
        check(genotype)
    except NaspError as error:
        raise NaspError(f"{path}: {error}") from error
    return genotype


def name_of(name_or_path: str) -> str:
    """Return a short name for the genotype that an option names, for folders and tables."""
    if is_notation(name_or_path):
        return f"cell-{sha256(name_or_path.encode()).hexdigest()[:8]}"
    return Path(name_or_path).stem
