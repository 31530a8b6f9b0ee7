"""Three disjoint parts of the ratings: to train on, to choose on, and to report on."""

import math
import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from nasp.core.errors import NaspError
from sif.data.columns import entities


@dataclass(frozen=True)
class Splits:
    """Ratings to train on, to choose and stop on, and to report on; frames of one form."""

    train: pd.DataFrame
    valid: pd.DataFrame
    test: pd.DataFrame


def split(
    frame: pd.DataFrame,
    *,
    by: Literal["random", "time"] = "random",
    fractions: tuple[float, float, float] = (0.5, 0.25, 0.25),
    seed: int,
) -> Splits:
    """Split checked ratings into three.

    Args:
        frame: Ratings as `check_frame` gives them.
        by: `random`, or `time`: the oldest to training, the newest to test, ties by row.
        fractions: Shares of training, validation and test; positive, their sum is 1.
        seed: Fixes a random split; a split by time does not depend on it.

    Raises:
        NaspError: `by` or `fractions` is invalid, a part would be empty, or a split by time lacks
            times that differ.
    """
    if len(fractions) != 3 or min(fractions) <= 0 or not math.isclose(sum(fractions), 1):
        raise NaspError(f"fractions {fractions}: three positive numbers with sum 1 are needed")
    if by == "time":
        order = np.argsort(_times(frame), kind="stable")
    elif by == "random":
        order = np.random.default_rng(seed).permutation(len(frame))
    else:
        raise NaspError(f"split by {by!r}: it is 'random' or 'time'")
    first = round(fractions[0] * len(frame))
    second = round((fractions[0] + fractions[1]) * len(frame))
    if not 0 < first < second < len(frame):
        raise NaspError(f"{len(frame)} ratings are too few for the fractions {fractions}")
    return Splits(*(_rows(frame, part) for part in np.split(order, (first, second))))


def given(
    train: pd.DataFrame,
    valid: pd.DataFrame | None,
    test: pd.DataFrame,
    *,
    fraction: float = 0.25,
    seed: int,
) -> Splits:
    """Use splits that were made elsewhere.

    Args:
        train: Checked training ratings.
        valid: Checked validation ratings; None: a random part of `train` becomes them.
        test: Checked test ratings.
        fraction: Share of `train` that becomes validation, between 0 and 1.
        seed: Fixes this part.

    Raises:
        NaspError: The columns differ, `fraction` is out of range, or a part would be empty.
    """
    for name, part in (("validation", valid), ("test", test)):
        if part is not None and entities(part) != entities(train):
            ours, theirs = ", ".join(entities(train)), ", ".join(entities(part))
            raise NaspError(f"{name} ratings have columns {theirs}, training ratings {ours}")
        if part is not None and part.empty:
            raise NaspError(f"there are no {name} ratings; give a table with some")
    if valid is None:
        order = np.random.default_rng(seed).permutation(len(train))
        count = round(fraction * len(train))
        if not 0 < count < len(train):
            raise NaspError(f"a share of {fraction} of {len(train)} training ratings is empty")
        train, valid = _rows(train, order[count:]), _rows(train, order[:count])
    for name, part in (("validation", valid), ("test", test)):
        shared = len(part[list(entities(part))].merge(train[list(entities(train))]))
        if shared:
            warnings.warn(f"{shared} {name} ratings are in training too", stacklevel=2)
    return Splits(train, valid, test)


def _times(frame: pd.DataFrame) -> np.ndarray:
    if "timestamp" not in frame:
        raise NaspError(
            "a split by time needs a column of times; name it with --columns timestamp=NAME, "
            "or split by 'random'"
        )
    if frame["timestamp"].nunique() < 2:
        raise NaspError("all timestamps are equal, which gives no split by time; use 'random'")
    return frame["timestamp"].to_numpy()


def _rows(frame: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
    return frame.iloc[rows].reset_index(drop=True)
