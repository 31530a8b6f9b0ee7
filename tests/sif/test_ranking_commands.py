"""The commands on tables of pairs: search, evaluate, recommend."""

import json
from pathlib import Path

import pandas as pd
import pytest

from nasp.errors import NaspError
from sif import evaluate, recommend, search, train
from sif.closed_forms import CLOSED_FORMS
from sif.models.ranking import RankingModel
from tests.sif.tasks.test_ranking import tastes

QUICK = (
    *("--epochs", "2", "--warm_up", "1", "--restarts", "1", "--finalists", "1"),
    *("--train_epochs", "3", "--embedding_dim", "4", "--batch_size", "64"),
    *("--encoders", "id,history", "--closed_form_trials", "2", "--tracking", "none", "--quiet"),
)


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run on pairs of users and items, with titles, and with later pairs."""
    folder = tmp_path_factory.mktemp("used")
    parts = tastes()
    blocks = [block.frame() for part in (parts.train, parts.valid) for block in part.blocks()]
    pairs = pd.concat(blocks)[["user", "item"]]
    pairs.to_csv(folder / "train.csv", index=False)
    later = pd.concat([block.frame() for block in parts.test.blocks()])[["user", "item"]]
    later.to_csv(folder / "later.csv", index=False)
    titles = pd.DataFrame({"item": range(40), "title": [f"The {i}th" for i in range(40)]})
    titles["taste"] = ["even", "odd"] * 20
    titles.to_csv(folder / "items.csv", index=False)
    words = ["--data", str(folder / "train.csv"), "--item_features", str(folder / "items.csv")]
    search.main([*words, *QUICK, "--output", str(folder / "run")])
    return folder


def test_a_search_names_its_answer_and_its_rivals(used: Path) -> None:
    result = json.loads((used / "run" / "result.json").read_text())
    metrics = result["metrics"]
    rivals = {name: metrics[f"valid/ndcg_10_{name}"] for name in ("found", *CLOSED_FORMS)}
    assert metrics["valid/ndcg_10"] >= max(rivals.values())
    for name in rivals:
        assert f"test/ndcg_10_{name}" in metrics
    assert metrics["test/ndcg_10"] > 2 * metrics["test/ndcg_10_popularity"]
    assert metrics["refit/test/ndcg_10"] > 2 * metrics["test/ndcg_10_popularity"]
    assert result["seconds"]["closed_forms"] > 0
    for name in ("model.pt", "genotype.json", "training.png", "candidates.png"):
        assert (used / "run" / name).exists()


def test_a_resumed_run_has_the_same_result(used: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = used / "run" / "result.json"
    before = json.loads(path.read_text())["metrics"]
    words = ["--data", str(used / "train.csv"), "--item_features", str(used / "items.csv")]
    search.main([*words, *QUICK, "--output", str(used / "run"), "--resume"])
    assert json.loads(path.read_text())["metrics"] == before


def test_recommendations_of_all_users_have_titles(used: Path) -> None:
    path = used / "top.csv"
    recommend.main(["--model", str(used / "run"), "--n", "3", "--output", str(path)])
    found = pd.read_csv(path)
    assert list(found) == ["user", "rank", "item", "title", "score", "based_on"]
    assert len(found) == 3 * 60
    assert (found["title"] == "The " + found["item"].astype(str) + "th").all()
    with pytest.raises(NaspError, match="context is for models of ratings"):
        recommend.main(["--model", str(used / "run"), "--context", "{mood: x}"])


def test_a_model_is_evaluated_on_later_pairs(
    used: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate.main(["--model", str(used / "run"), "--data", str(used / "later.csv")])
    shown = capsys.readouterr().out
    assert "test/ndcg_10 " in shown
    assert "test/ndcg_10_popularity " in shown


def test_a_user_without_pairs_is_answered_from_features(used: Path) -> None:
    """User 60, who has no pairs, is of the users who like odd items."""
    users, run = used / "users.csv", used / "sides"
    pd.DataFrame({"user": range(61), "sex": [*["f", "m"] * 30, "m"]}).to_csv(users, index=False)
    words = ["--data", str(used / "train.csv"), "--task", "ranking", "--genotype", "svdpp_shared"]
    sides = ["--user_features", str(users), "--item_features", str(used / "items.csv")]
    quick = ["--epochs", "2", "--closed_form_trials", "1", "--embedding_dim", "4"]
    train.main([*words, *sides, *quick, "--tracking", "none", "--quiet", "--output", str(run)])
    model = RankingModel.load(run / "model.pt")
    found = model.recommend([60, 0, 99], 5)
    assert found["based_on"].tolist() == ["features"] * 5 + ["items"] * 5 + ["popularity"] * 5
    assert (found["item"][:5] % 2 == 1).all()
    assert found["title"][0].startswith("The ")


def test_a_genotype_is_trained_alone(used: Path) -> None:
    output = used / "alone"
    words = ["--embedding_dim", "4", "--closed_form_trials", "0", "--tracking", "none", "--quiet"]
    genotype = used / "run" / "genotype.json"
    train.main(
        [
            *("--data", str(used / "train.csv"), "--genotype", str(genotype), "--epochs", "2"),
            *(*words, "--refit", "no", "--output", str(output)),
        ]
    )
    metrics = json.loads((output / "result.json").read_text())["metrics"]
    assert "test/ndcg_10_found" in metrics
    assert not [name for name in metrics if name.startswith("refit/")]


def test_mistakes_are_named(used: Path) -> None:
    data = ["--data", str(used / "train.csv"), "--task", "ranking"]
    with pytest.raises(NaspError, match="objective of the task ranking"):
        search.main([*data, *QUICK, "--objective", "squared_error"])
    with pytest.raises(NaspError, match="column of times"):
        search.main([*data, *QUICK, "--time_bins", "3"])
