"""Small tables of ratings by two and by three entities."""

from functools import cache

import numpy as np

from sif.data import Synthetic, synthetic
from sif.data.search_data import Data

USERS, ITEMS = 12, 9


@cache
def data(entities: int) -> Data:
    """60 training ratings and 30 validation ratings; every id has some training rating."""
    frame = synthetic(Synthetic(users=USERS, items=ITEMS, ratings=90), seed=0)
    generator = np.random.default_rng(0)
    for n in range(entities - 2):
        frame[f"context{n}"] = generator.integers(3, size=len(frame))
    return Data.of(frame[:60], frame[60:])
