"""Bins of times are quantiles of training times."""

import numpy as np
import pandas as pd
import pytest

from nasp.errors import NaspError
from sif.data import Table
from sif.data.time_bins import TimeBins


def timed(times: list[float]) -> Table:
    rows = range(len(times))
    frame = pd.DataFrame({"user": rows, "item": rows, "rating": 1.0, "timestamp": times})
    return Table.from_frame(frame)


def test_each_bin_has_as_many_training_rows() -> None:
    train = timed(np.random.default_rng(0).permutation(100).tolist())
    bins = TimeBins.fit(train, 4)
    assert len(bins) == 4
    assert np.bincount(bins.codes(train)).tolist() == [25] * 4
    assert bins.codes(timed([-5, 0, 30, 60, 99, 1000])).tolist() == [0, 0, 1, 2, 3, 3]


def test_equal_times_are_in_one_bin() -> None:
    bins = TimeBins.fit(timed([1] * 50 + [2] * 50), 10)
    assert len(bins) == 2
    assert bins.codes(timed([1, 2, 3])).tolist() == [0, 1, 1]


def test_mistakes() -> None:
    with pytest.raises(NaspError, match="all times are equal"):
        TimeBins.fit(timed([3, 3, 3]), 4)
    bare = Table.from_frame(pd.DataFrame({"user": [1], "item": [1], "rating": [1.0]}))
    with pytest.raises(NaspError, match="--columns timestamp=NAME"):
        TimeBins.fit(bare, 4)
    bins = TimeBins.fit(timed(list(range(9))), 3)
    dates = pd.DataFrame({"user": [1], "item": [1], "rating": [1.0]})
    dates["timestamp"] = pd.to_datetime(["2020-01-01"], utc=True)
    with pytest.raises(NaspError, match="times are dates, but numbers in training"):
        bins.codes(Table.from_frame(dates))
