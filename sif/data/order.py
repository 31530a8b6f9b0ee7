"""The order of columns that have no names."""

import pandas as pd

from nasp.errors import NaspError
from sif.data.numbers import to_numbers

SCALE = 11  # distinct ratings at most: 0 to 10
ROWS = 10_000


def check_order(frame: pd.DataFrame, found: dict[str, str], source: str) -> None:
    """Refuse a table whose ratings are plainly in another column than the one that is taken.

    That is so where the ratings would be whole numbers of more values than a scale has, and a
    column of ids would hold numbers of few values, in no order. (Ids of few values are sorted,
    mostly, and counts stand beside ids of many values.)

    Args:
        frame: The first rows, whose columns are called by their numbers.
        found: Which column is taken for what.
        source: The table's name, for messages.

    Raises:
        NaspError: It is so.
    """
    frame = frame.head(ROWS)
    ratings = to_numbers(frame[found["rating"]])
    if ratings.nunique() <= SCALE or (ratings % 1 != 0).any():
        return
    for role in ("user", "item"):
        values = to_numbers(frame[found[role]])
        count = values.nunique()
        changes = int((values.diff() != 0).sum())
        if values.notna().all() and 1 < count <= SCALE and changes > 2 * count:
            raise NaspError(
                f"{source} has no header, and its column {found[role]} looks like the ratings "
                f"({count} values), not its column {found['rating']} ({ratings.nunique()} values): "
                "say which is which, with --columns user=2,item=3,rating=1 for example"
            )
