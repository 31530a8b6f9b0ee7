"""What the files of all models share: rules for their parts, and the check of their place."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nasp.errors import NaspError
from nasp.files.schema import Rule, flag, integer, number, one_of, sequence, text
from sif.data import Encoder, Table, find_ids, report_unknown_ids

LARGE = integer(-(2**63))
SPACE_RULES: dict[str, Rule] = {
    "embedding_dim": integer(1, 1 << 24),
    "embedding_std": number(above=0),
    "biases": flag,
    "encoders": sequence(text),
    "terms": integer(1, 1 << 10),
    "elementwise": flag,
    "penalty": one_of("per_id", "squared", "norm"),
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


def report_unknown(encoder: Encoder, table: Table) -> None:
    """Warn if some ids of a table are unknown; see `sif.data.report_unknown_ids`.

    Raises:
        NaspError: A column is missing, or all ids of a column are unknown.
    """
    places = encoder.positions(table)
    for name, ids, found in zip(encoder.columns, encoder.ids, places, strict=True):
        entity = table.columns.index(name)
        given = table.ids[entity].take(table.code(entity))
        report_unknown_ids(found, given, ids, f"column {name}")


def frame_positions(
    encoder: Encoder, frame: pd.DataFrame, *, strict: bool = True
) -> list[np.ndarray]:
    """Return the positions of a frame's ids, -1 for an unknown one, `(rows,)` for each entity.

    Args:
        encoder: The known ids.
        frame: A table with the entity columns.
        strict: Whether it is an error that all ids of a column are unknown.

    Raises:
        NaspError: A column or an id is missing, or all ids of a column are unknown.
    """
    positions = []
    for name, ids in zip(encoder.columns, encoder.ids, strict=True):
        if name not in frame:
            raise NaspError(f"no column {name!r}: the model needs {', '.join(encoder.columns)}")
        if (missing := frame[name].isna().to_numpy()).any():
            raise NaspError(f"row {int(missing.argmax())} has no {name}: give all ids")
        found = find_ids(frame[name], ids, name)
        report_unknown_ids(found, frame[name], ids, name, strict=strict)
        positions.append(found)
    return positions


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
