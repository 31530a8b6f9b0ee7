"""Every method of the comparison runs."""

import pytest
import torch

from nasp.runs.context import RunContext
from sif.comparison.methods import METHODS, methods_of
from sif.options import SearchOptions
from sif.testing import small_data

OPTIONS = SearchOptions(
    embedding_dim=2,
    batch_size=32,
    epochs=2,
    warm_up=1,
    restarts=1,
    finalists=1,
    trials=2,
    train_epochs=2,
)


@pytest.mark.parametrize(
    ("method", "entities"), [(m, n) for n in (2, 3) for m in methods_of(n)], ids=str
)
def test_it_fits_and_rates(method: str, entities: int) -> None:
    ratings = small_data(entities)
    fitted = METHODS[method](ratings, OPTIONS, 1, RunContext())
    predicted = fitted.rate(ratings.valid)
    assert predicted.shape == ratings.valid.ratings.shape
    assert torch.isfinite(predicted).all()
    assert fitted.parameters >= 1
