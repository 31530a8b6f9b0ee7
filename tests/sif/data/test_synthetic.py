"""Synthetic ratings have the claimed properties."""

import numpy as np
import pandas as pd
import pytest

from nasp.errors import NaspError
from sif.data.synthetic import OPERATIONS, Synthetic, synthetic


@pytest.mark.parametrize("operation", OPERATIONS)
def test_size_scale_and_repeatability(operation: str) -> None:
    options = Synthetic(operation, users=50, items=40, ratings=1500)
    frame = synthetic(options, seed=1)
    assert list(frame) == ["user", "item", "rating"]
    assert len(frame) == 1500
    assert not frame.duplicated(["user", "item"]).any()
    assert frame["rating"].mean() == pytest.approx(3.5, abs=0.05)
    assert frame["rating"].std() == pytest.approx(np.hypot(1, 0.3), abs=0.05)
    pd.testing.assert_frame_equal(frame, synthetic(options, seed=1))
    assert not frame.equals(synthetic(options, seed=2))


def additive_share(operation: str) -> float:
    """Return the share of variance explained by a user plus an item effect, for all pairs."""
    options = Synthetic(operation, users=60, items=60, ratings=3600, noise=0)
    ratings = synthetic(options, seed=0).pivot(index="user", columns="item", values="rating")
    table = ratings.to_numpy()
    rest = table - table.mean(0) - table.mean(1, keepdims=True) + table.mean()
    return float(1 - rest.var() / table.var())


def test_operations_are_distinguishable() -> None:
    shares = {operation: additive_share(operation) for operation in OPERATIONS}
    assert shares["plus"] == pytest.approx(1)
    assert shares["concat"] == pytest.approx(1)
    assert shares["multiply"] < 0.1
    assert 0.7 < shares["max"] < 0.9
    assert 0.7 < shares["min"] < 0.9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Synthetic("multipli"), "'multipli' .did you mean 'multiply'"),
        (Synthetic(users=5, items=5, ratings=26), "only 25"),
        (Synthetic(embedding_dim=0), "embedding_dim=0"),
        (Synthetic(ratings=0), "ratings=0"),
        (Synthetic(noise=-1), "noise=-1"),
        (Synthetic(ratings=5), "5 ratings; at least 10"),
    ],
)
def test_mistakes(options: Synthetic, message: str) -> None:
    with pytest.raises(NaspError, match=message):
        synthetic(options, seed=0)
