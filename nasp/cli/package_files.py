"""What comes with the packages: their version, and the files of `configs/` and `datasets/`."""

from pathlib import Path

from nasp.errors import NaspError, nearest

PACKAGE = Path(__file__).resolve().parents[1]


def resource(relative: str) -> Path:
    """A file or folder, `datasets/movielens-100k/card.yaml` for example.

    It lies in the installed package, or, in a checkout, beside it.

    Raises:
        NaspError: It is in neither place.
    """
    for root in (PACKAGE, PACKAGE.parent):
        if (root / relative).exists():
            return root / relative
    raise NaspError(f"{relative} is missing from the installation: install the package again")


def configs(space: str) -> dict[str, Path]:
    """The configuration files of a space by name, in alphabetical order."""
    return {path.stem: path for path in sorted(resource(f"configs/{space}").glob("*.yaml"))}


def find_config(name: str, space: str) -> Path:
    """The configuration file of `--config`: a path, or a name in `configs/<space>/`.

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
    """The version of the installed packages; 0+unknown if they are not installed."""
    from importlib import metadata  # here, as it takes a while and few ask

    try:
        return metadata.version("nasp")
    except metadata.PackageNotFoundError:
        return "0+unknown"
