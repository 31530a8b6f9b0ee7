"""The contract of metrics, for all metrics of the tasks."""

from typing import Any

import pytest

from nasp.cnn import evaluation as images
from nasp.metric import Metric
from nasp.rnn import evaluation as texts
from nasp.testing import MetricContract
from sif.evaluation import clicks, ranking, ratings

FALLING = {"rmse", "mae", "log_loss", "loss", "perplexity"}


class TestMetrics(MetricContract):
    @pytest.fixture(
        params=[
            *(*images.VALUES, *texts.METRICS),
            *(*ratings.VALUES, *ranking.VALUES, *clicks.VALUES),
        ],
        ids=lambda metric: metric.name,
    )
    def metric(self, request: pytest.FixtureRequest) -> Any:
        return request.param

    @pytest.fixture
    def worst_first(self, metric: Metric) -> list[float]:
        values = [0.2, 0.5, 0.9]
        return values[::-1] if metric.name in FALLING else values
