"""Small tables."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def frame() -> pd.DataFrame:
    """Forty ratings: 5 users with 8 items each, at times 0 to 39 in random order."""
    user, item = np.divmod(np.arange(40), 8)
    times = np.random.default_rng(0).permutation(40)
    return pd.DataFrame(
        {"user": user, "item": item, "rating": 1.0 + (user + item) % 5, "timestamp": times}
    )
