"""The commands `sif.evaluate` and `sif.recommend`."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nasp.errors import NaspError
from sif import evaluate, recommend, search
from sif.commands import evaluate as evaluated
from sif.config import EvalConfig
from sif.data import Synthetic, synthetic
from sif.models.rating import InteractionModel

COLUMNS = "user=uid,item=isbn,rating=stars"


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run and with ratings that its search has not used; ids of users are texts."""
    folder = tmp_path_factory.mktemp("used")
    frame = synthetic(Synthetic(users=40, items=30, ratings=700), seed=1)
    frame.columns = ["uid", "isbn", "stars"]
    frame["uid"] = "u" + frame["uid"].astype(str)
    frame[:600].to_csv(folder / "train.csv", index=False)
    frame[600:].to_csv(folder / "later.csv", index=False)
    search.main(
        [
            *("--data", str(folder / "train.csv"), "--columns", COLUMNS),
            *("--epochs", "2", "--warm_up", "1", "--restarts", "1", "--finalists", "1"),
            *("--train_epochs", "3", "--embedding_dim", "2", "--tracking", "none", "--quiet"),
            *("--output", str(folder / "run")),
        ]
    )
    return folder


def test_a_model_is_evaluated_in_rating_units(
    used: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--model", str(used / "run"), "--data", str(used / "later.csv"), "--columns", COLUMNS]
    evaluate.main(words)
    model = InteractionModel.load(used / "run" / "model.pt")
    later = pd.read_csv(used / "later.csv")
    known = later["uid"].isin(model.encoder.ids[0]) & later["isbn"].isin(model.encoder.ids[1])
    predictions = model.predict(later.set_axis(["user", "item", "rating"], axis=1))
    residuals = predictions - later["stars"]
    shown = capsys.readouterr()
    assert f"test/rmse {np.sqrt(np.square(residuals).mean()):.4f}" in shown.out
    assert f"test/mae {residuals.abs().mean():.4f}" in shown.out
    assert f"test/unseen_ratings {(~known).sum():.4f}" in shown.out
    mean = np.sqrt(np.square(later["stars"] - model.scale.mean).mean())
    assert f"test/rmse_global_mean {mean:.4f}" in shown.out
    assert "later.csv: 100 ratings" in shown.err


def test_ids_of_another_type_are_the_same_ids(used: Path, tmp_path: Path) -> None:
    later = pd.read_csv(used / "later.csv")
    later["isbn"] = later["isbn"].astype(float)
    later.to_parquet(tmp_path / "later.parquet")
    both = [
        evaluated(EvalConfig(model=used / "run", data=str(path), columns=COLUMNS))
        for path in (used / "later.csv", tmp_path / "later.parquet")
    ]
    assert both[0] == both[1]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_all_users_get_their_best_unseen_items(used: Path, tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"top{suffix}"
    recommend.main(["--model", str(used / "run"), "--n", "4", "--output", str(output)])
    found = pd.read_csv(output) if suffix == ".csv" else pd.read_parquet(output)
    assert list(found.columns) == ["user", "rank", "item", "rating"]
    model = InteractionModel.load(used / "run" / "model.pt")
    assert set(found["user"]) == set(model.encoder.ids[0])
    rated = set(pd.read_csv(used / "train.csv")[["uid", "isbn"]].itertuples(index=False, name=None))
    assert rated.isdisjoint(found[["user", "item"]].itertuples(index=False, name=None))
    mine = found[found["user"] == found["user"][0]]
    assert list(mine["rank"]) == [1, 2, 3, 4]
    expected = model.recommend(found["user"][0], 4)
    assert list(mine["item"]) == list(expected["item"])
    assert mine["rating"].to_numpy() == pytest.approx(expected["rating"].to_numpy())


def test_some_users_are_printed(used: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recommend.main(["--model", str(used / "run" / "model.pt"), "--users", "u3,u1", "--n", "2"])
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert rows == [["user", "rank"], ["u3", "1"], ["u3", "2"], ["u1", "1"], ["u1", "2"]]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--users", "nobody"], "user 'nobody' has no rating in the training data"),
        (["--users", "[]"], "users is empty"),
        (["--n", "0"], "n is 0"),
        (["--output", "top.xls"], "unknown suffix of output: '.xls'; there are .csv, .parquet"),
        (["--output", "nowhere/top.csv"], "there is no folder nowhere"),
        (["--context", "{mood: 1}"], "the model has no context 'mood'"),
        (["--model", "nowhere"], "nowhere"),
    ],
)
def test_mistakes_of_a_recommendation_are_one_line(
    used: Path, words: list[str], message: str
) -> None:
    with pytest.raises(NaspError, match=message) as told:
        recommend.main(["--model", str(used / "run"), *words])
    assert "\n" not in str(told.value)


def test_mistakes_of_an_evaluation_are_one_line(used: Path, tmp_path: Path) -> None:
    model = ["--model", str(used / "run")]
    with pytest.raises(NaspError, match="data is missing"):
        evaluate.main(model)
    others = pd.DataFrame({"user": ["x", "y"], "item": [1, 2], "rating": [1.0, 2.0]})
    others.to_csv(tmp_path / "others.csv", index=False)
    with pytest.raises(NaspError, match="column user: no id is known, x for example"):
        evaluate.main([*model, "--data", str(tmp_path / "others.csv")])
    others.assign(mood=1).to_csv(tmp_path / "context.csv", index=False)
    with pytest.raises(NaspError, match=r"context\.csv"):
        evaluate.main([*model, "--data", str(tmp_path / "context.csv"), "--columns", "context=moo"])
