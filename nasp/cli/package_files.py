"""The version of the packages, and the files of `configs/` and `datasets/` that come with them."""

from pathlib import Path

from nasp.errors import NaspError, nearest

PACKAGE = Path(__file__).resolve().parents[1]


def resource(relative: str) -> Path:
    """Return the path of a file or folder, for example `datasets/movielens-100k/card.yaml`.

    It is in the installed package or, in a checkout, next to the package.

    Raises:
        NaspError: It is in neither place.
    """
    for root in (PACKAGE, PACKAGE.parent):
        if (root / relative).exists():
            return root / relative
    raise NaspError(f"{relative} is missing from the installation: install the package again")


def configs(space: str) -> dict[str, Path]:
    """Return the configuration files of a space by name, in alphabetical order."""
    return {path.stem: path for path in sorted(resource(f"configs/{space}").glob("*.yaml"))}


def find_config(name: str, space: str) -> Path:
    """Return the file of `--config`, given its path or its name in `configs/<space>/`.

    Raises:
        NaspError: There is no such file and no such name.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path
    known = configs(space)
    if name not in known:
        raise NaspError(
            f"no configuration {name!r}{nearest(name, known)}: give a file, or one of "
            + ", ".join(known)
        )
    return known[name]


def version() -> str:
    """Return the version of the installed packages; 0+unknown if they are not installed."""
    from importlib import metadata  # imported here, because it is slow and rarely needed

    try:
        return metadata.version("nasp")
    except metadata.PackageNotFoundError:
        return "0+unknown"
