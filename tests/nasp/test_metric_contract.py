"""What every metric of the tasks promises."""

from typing import Any

import pytest

from nasp.cnn.tasks import ImageTask
from nasp.metric import Metric
from nasp.rnn.tasks import TextTask
from nasp.testing import MetricContract
from sif.tasks import RatingTask

GROWING = {"accuracy", "top5_accuracy"}


class TestMetrics(MetricContract):
    @pytest.fixture(
        params=[metric for task in (ImageTask, TextTask, RatingTask) for metric in task.metrics],
        ids=lambda metric: metric.name,
    )
    def metric(self, request: pytest.FixtureRequest) -> Any:
        return request.param

    @pytest.fixture
    def worst_first(self, metric: Metric) -> list[float]:
        values = [0.2, 0.5, 0.9]
        return values if metric.name in GROWING else values[::-1]
