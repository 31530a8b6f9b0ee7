"""The adapter to the other library works, and the errors of its models are close to ours."""

import sys

import pytest
import torch

from benchmarks.surprise_rival import ALGORITHMS, train_library
from nasp.errors import NaspError
from nasp.runs.context import RunContext
from sif.baselines.fit import train_baseline
from sif.data import Splits, Synthetic, split_ratings, synthetic
from sif.data.search_data import SearchData
from sif.evaluation.ratings import evaluate_predictions, predict
from sif.options import TrainOptions

OPTIONS = TrainOptions(embedding_dim=2, batch_size=64, penalty="squared", weight_decay=0.05)


def splits() -> Splits:
    return split_ratings(synthetic(Synthetic(users=60, items=40, ratings=1500), seed=0), seed=0)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_ours_is_as_good_as_the_library(name: str) -> None:
    pytest.importorskip("surprise", reason="the extra `rivals` is not installed")
    parts = splits()
    theirs = train_library(name, parts, OPTIONS, dim=2, epochs=(20, 80), seed=0)
    again = train_library(name, parts, OPTIONS, dim=2, epochs=(theirs.epochs,), seed=0)
    assert theirs == again
    data = SearchData.from_splits(parts.train, parts.valid)
    generator = torch.Generator().manual_seed(0)
    model, _ = train_baseline(name, data, OPTIONS, epochs=60, generator=generator, run=RunContext())
    test = data.encode(parts.test)
    ours = evaluate_predictions(predict(model.rate, test.rows), test, data.scale)["rmse"]
    assert ours < theirs.test_rmse + 0.05
    own = train_library(name, parts, None, dim=2, epochs=(20,), seed=0)
    assert own.test_rmse < 1.5


def test_unknown_models_and_a_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = {"options": OPTIONS, "dim": 2, "epochs": (1,), "seed": 0}
    with pytest.raises(NaspError, match="no 'mf'; it has fm, svdpp"):
        train_library("mf", splits(), **arguments)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "surprise", None)
    with pytest.raises(NaspError, match=r"pip install .scikit-surprise"):
        train_library("svdpp", splits(), **arguments)  # type: ignore[arg-type]
