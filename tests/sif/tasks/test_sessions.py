"""Ratings whose users change with time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nasp.errors import NaspError
from nasp.runs.context import RunContext
from nasp.search import train
from sif.data import Table
from sif.data.search_data import SearchData
from sif.data.sessions import Sessions
from sif.data.task_data import Sides
from sif.data.time_bins import TimeBins
from sif.evaluation.ratings import evaluate_predictions
from sif.models.rating import InteractionModel
from sif.options import SearchOptions
from sif.posterior.model import PosteriorAverage
from sif.tasks.rating import RatingTask
from sif.zoo import ZOO

OPTIONS = SearchOptions(embedding_dim=2, batch_size=64, sweeps=40)


def moods(dated: bool = False) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Ratings by the mood of the user on the day, which changes at random."""
    random = np.random.default_rng(0)
    pairs = random.permutation(30 * 40)[:900]
    frame = pd.DataFrame({"user": pairs // 40, "item": pairs % 40})
    day = random.integers(3, size=900)
    mood = random.normal(size=(30, 3))
    frame["rating"] = 3 + mood[frame["user"], day] + 0.2 * random.normal(size=900)
    frame["timestamp"] = day + random.random(900)
    if dated:
        frame["timestamp"] = pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(
            frame["timestamp"], "D"
        )
    return frame[:500], frame[500:700], frame[700:]


def test_a_session_is_a_users_bin_with_training_ratings() -> None:
    frame = pd.DataFrame({"user": [7, 7, 9], "item": [1, 2, 1], "rating": [1.0, 2.0, 3.0]})
    table = Table.from_frame(frame.assign(timestamp=[0.0, 10.0, 10.0]))
    sessions = Sessions.fit(TimeBins((5.0,)), np.array([0, 0, 1], np.int32), table)
    assert sessions.keys.tolist() == [0, 1, 3]
    users, codes = np.array([0, 0, 1, 1, -1]), np.array([0, 1, 0, 1, 1])
    assert sessions.positions(users, codes).tolist() == [0, 1, 3, 2, 3]
    again = Sessions.from_state_dict(sessions.state_dict())
    assert again.bins == sessions.bins
    assert (again.keys == sessions.keys).all()


@pytest.mark.parametrize("dated", [False, True])
@pytest.mark.parametrize("name", ["biased_mf", "svdpp_shared"])
def test_a_user_has_an_encoding_for_each_session(name: str, dated: bool, tmp_path: Path) -> None:
    fit_on, checked_on, test_on = moods(dated)

    def trained(bins: int) -> tuple[RatingTask, InteractionModel, float]:
        data = SearchData.from_splits(fit_on, checked_on, sides=Sides(time_bins=bins))
        task = RatingTask(data, OPTIONS, epochs=5)
        found = train(task, name, ZOO[name], 1, RunContext())
        model = task.model(found)
        test = data.encode(test_on)
        rmse = evaluate_predictions(model.rate(test), test, data.scale)["rmse"]
        refitted = task.refitted_model(found)
        assert refitted is not None
        assert (refitted.sessions is None) == (bins == 0)
        return task, model, rmse

    task, model, rmse = trained(3)
    assert isinstance(model.network, PosteriorAverage)
    assert model.sessions is not None
    assert len(model.sessions) > 60
    assert rmse < 0.6 * trained(0)[2]
    model.save(tmp_path / "model.pt")
    again = InteractionModel.load(tmp_path / "model.pt")
    predicted, deviation = model.predict(test_on, return_std=True)
    assert (again.predict(test_on) == predicted).all()
    assert (deviation > 0).all()
    expected = model.scale.as_read(model.rate(task.data.encode(test_on)))
    assert predicted == pytest.approx(expected)
    with pytest.warns(UserWarning, match="no column 'timestamp'"):
        unknown = model.predict(test_on.drop(columns="timestamp"))
    assert np.abs(unknown - predicted).max() > 0.5
    assert len(model.recommend(0, 3)) == 3
    assert model.evaluate(Table.from_frame(test_on))["rmse"] == pytest.approx(rmse)
    wrong = np.arange(len(test_on)) if dated else moods(dated=True)[2]["timestamp"]
    with pytest.raises(NaspError, match="write both alike"):
        model.predict(test_on.assign(timestamp=wrong))


def test_a_training_without_samples_uses_no_times() -> None:
    fit_on, checked_on, _ = moods()
    data = SearchData.from_splits(fit_on, checked_on, sides=Sides(time_bins=3))
    task = RatingTask(data, replace(OPTIONS, sweeps=0), epochs=2)
    model = task.model(train(task, "lightgcn", ZOO["lightgcn"], 1, RunContext()))
    assert model.sessions is None
