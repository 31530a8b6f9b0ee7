"""A check of the order of columns without names."""

import pandas as pd

from nasp.errors import NaspError
from sif.data.numbers import to_numbers

SCALE = 11  # largest number of distinct ratings on a scale: 0 to 10
ROWS = 10_000


def check_order(frame: pd.DataFrame, found: dict[str, str], source: str) -> None:
    """Refuse a table whose ratings are clearly in another column than the assumed one.

    This is the case if the assumed ratings are whole numbers with more values than a scale has, and
    an assumed column of ids holds numbers of few values in no order. (Ids with few values are
    mostly sorted, and tables of counts have ids with many values.)

    Args:
        frame: The first rows; the names of columns are their numbers.
        found: The assumed column of each role.
        source: The table's name, for messages.

    Raises:
        NaspError: The ratings are clearly in another column.
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
