"""Place and text of a wrong value in a table, for messages."""

import numpy as np
import pandas as pd


def place(source: str, column: pd.Series, wrong: pd.Series | np.ndarray) -> str:
    """Return the place of the first wrong value of a column."""
    row = column.index[int(np.argmax(wrong))]
    return f"{source}, {column.index.name or 'row'} {row}, column {column.name}"


def shown(column: pd.Series, wrong: pd.Series | np.ndarray) -> str:
    """Return the text of the first wrong value of a column."""
    value = column.iloc[int(np.argmax(wrong))]
    missing = pd.api.types.is_scalar(value) and pd.isna(value)
    return "an empty field" if missing else " ".join(str(value).split())[:40]
