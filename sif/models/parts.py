"""What the files of all models share: rules for their parts, and the check of their place."""

from itertools import pairwise
from pathlib import Path
from typing import Any

from nasp.errors import NaspError
from nasp.files.schema import Rule, flag, integer, number, one_of, sequence, text

LARGE = integer(-(2**63))
SPACE_RULES: dict[str, Rule] = {
    "embedding_dim": integer(1, 1 << 24),
    "embedding_std": number(above=0),
    "biases": flag,
    "encoders": sequence(text),
    "terms": integer(1, 1 << 10),
    "elementwise": flag,
    "penalty": one_of("squared", "norm"),
    "weight_decay": number(),
}
"""The rules for `sif.options.SpaceOptions`."""


def checked_ids(value: Any, name: str) -> None:
    """A rule for the ids of a column: sorted, distinct integers or texts."""
    sequence(text if isinstance(value, list) and value and type(value[0]) is str else LARGE)(
        value, name
    )
    if any(a >= b for a, b in pairwise(value)):
        raise NaspError(f"{name} must be sorted, each id once")


def checked_place(path: Path | str) -> Path:
    """Return the path at which a file is to be written.

    Raises:
        NaspError: Its folder does not exist, or it is a folder itself.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise NaspError(f"{path}: there is no folder {path.parent}: make it first")
    if path.is_dir():
        raise NaspError(f"{path} is a folder: name a file")
    return path
