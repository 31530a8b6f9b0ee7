"""Real data where there is some, and small tables."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def data_dir() -> Path:
    """The folder of real data sets: NASP_DATA, else `shared/data` beside the checkout."""
    beside = Path(__file__).parents[4] / "shared" / "data"
    folder = Path(os.environ.get("NASP_DATA") or beside)
    if not (folder / "ml-100k" / "u.data").is_file():
        pytest.skip(f"no ml-100k/u.data in {folder}; set NASP_DATA")
    return folder


@pytest.fixture
def frame() -> pd.DataFrame:
    """Forty ratings: 8 items of each of 5 users, times 0 to 39 in a shuffled order."""
    user, item = np.divmod(np.arange(40), 8)
    times = np.random.default_rng(0).permutation(40)
    return pd.DataFrame(
        {"user": user, "item": item, "rating": 1.0 + (user + item) % 5, "timestamp": times}
    )
