"""A metric knows which of two values is better."""

import pytest

from nasp.metric import Metric

GROWS = Metric("auc", larger_is_better=True)
SHRINKS = Metric("accuracy_gap")


@pytest.mark.parametrize("metric", [GROWS, GROWS.on("valid")])
def test_a_metric_that_is_to_grow(metric: Metric) -> None:
    assert metric.better(0.6, than=0.5)
    assert not metric.better(0.5, than=0.6)
    assert not metric.better(0.5, than=0.5)
    assert metric.best_position([0.1, 0.7, 0.3, 0.7]) == 1
    assert metric.as_loss(0.7) < metric.as_loss(0.1)


@pytest.mark.parametrize("metric", [SHRINKS, SHRINKS.on("test")])
def test_a_metric_that_is_to_shrink(metric: Metric) -> None:
    assert metric.better(0.5, than=0.6)
    assert not metric.better(0.6, than=0.5)
    assert not metric.better(0.5, than=0.5)
    assert metric.best_position([0.3, 0.1, 0.7, 0.1]) == 1
    assert metric.as_loss(0.1) < metric.as_loss(0.7)


def test_names_and_labels() -> None:
    rmse = Metric("rmse", unit="rating units", title="RMSE")
    assert (rmse.name, rmse.label) == ("rmse", "RMSE (rating units)")
    on_valid = rmse.on("valid")
    assert (on_valid.name, on_valid.label) == ("valid/rmse", "validation RMSE (rating units)")
    assert GROWS.on("test").label == "test auc"
