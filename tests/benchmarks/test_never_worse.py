"""The table of answers beside trivial models."""

import json
from pathlib import Path

import pytest

from benchmarks.never_worse import gain, verdict


def written(path: Path, **metrics: float) -> Path:
    path.write_text(json.dumps({"metrics": {k.replace("__", "/"): v for k, v in metrics.items()}}))
    return path


def test_the_gain_is_over_the_best_trivial_model(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    written(path, test__rmse=0.9, test__rmse_biases=0.95, test__rmse_global_mean=1.1)
    assert gain(path, "rating") == pytest.approx((0.9, 0.95, 0.05))
    written(path, test__auc=0.8, test__auc_popularity=0.85, test__auc_biases=0.7)
    assert gain(path, "click") == pytest.approx((0.8, 0.85, -0.05))
    written(path, test__ndcg_10=0.4, test__ndcg_10_popularity=0.2)
    assert gain(path, "ranking") == pytest.approx((0.4, 0.2, 0.2))


def test_a_difference_within_the_noise_is_level() -> None:
    assert verdict([0.01]) == "better"
    assert verdict([-0.01]) == "worse"
    assert verdict([0.0]) == "level"
    assert verdict([0.01, 0.011, 0.012]) == "better"
    assert verdict([0.01, -0.02, 0.005]) == "level"
    assert verdict([-0.01, -0.011, -0.012]) == "worse"
