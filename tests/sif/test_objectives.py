"""The contract of objectives, for all in the registry, and the penalty."""

from typing import Any, Literal

import pytest
import torch

from sif.objectives import penalty, rating_loss
from sif.options import OBJECTIVES, TrainOptions
from sif.testing import ObjectiveContract


class TestObjectives(ObjectiveContract):
    @pytest.fixture(params=OBJECTIVES)
    def objective(self, request: pytest.FixtureRequest) -> Any:
        return OBJECTIVES[request.param]


def test_the_squared_error_is_the_mean_of_squares() -> None:
    predictions, ratings = torch.tensor([1.0, 2.0, 0.0]), torch.tensor([0.0, 0.0, 2.0])
    assert float(OBJECTIVES["squared_error"](predictions, ratings)) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("per_id", (5 + 25 / 2 + 9 / 4 + 16) / 2), ("squared", 55 / 2), ("norm", 30**0.5 + 5)],
)
def test_the_penalty_is_weighted_and_added(
    kind: Literal["per_id", "squared", "norm"], expected: float
) -> None:
    looked_up = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[3.0, 0.0], [0.0, 4.0]]])
    options = TrainOptions(penalty=kind, weight_decay=0.1)
    inverse_counts = torch.tensor([[1.0, 1 / 2], [1 / 4, 1.0]])
    assert float(penalty(looked_up, options, inverse_counts)) == pytest.approx(expected)
    outputs = torch.tensor([1.0, 3.0]), looked_up
    total = float(rating_loss(outputs, torch.zeros(2), options, inverse_counts))
    assert total == pytest.approx(5.0 + 0.1 * expected)
