"""The contract test of metrics."""

from itertools import pairwise
from typing import Any

import pytest

from nasp.metric import Metric


class MetricContract:
    """Tests of a metric. Inherit from it, and override the fixtures.

    Attributes:
        metric: Fixture: the metric.
        worst_first: Fixture: at least three values, from worst to best.
    """

    @pytest.fixture
    def metric(self) -> Any:
        """The metric."""
        raise NotImplementedError("override the fixture `metric`")

    @pytest.fixture
    def worst_first(self) -> list[float]:
        """Values from worst to best."""
        raise NotImplementedError("override the fixture `worst_first`")

    def test_it_tells_the_better_value(self, metric: Metric, worst_first: list[float]) -> None:
        """`better` is strict, and holds on every split."""
        for own in (metric, metric.on("valid"), metric.on("test")):
            for worse, value in pairwise(worst_first):
                assert own.better(value, than=worse)
                assert not own.better(worse, than=value)
                assert not own.better(value, than=value)
                assert own.as_loss(value) < own.as_loss(worse)
            assert own.best_position(worst_first) == len(worst_first) - 1
            assert own.best_position(worst_first[::-1]) == 0
            assert own.best_position([worst_first[-1], *worst_first]) == 0

    def test_it_has_a_name_for_people_and_one_for_trackers(self, metric: Metric) -> None:
        """Name and title contain the split."""
        assert metric.name
        assert "/" not in metric.name
        assert metric.on("valid").name == f"valid/{metric.name}"
        assert metric.on("valid").label.startswith("validation ")
        assert metric.label
