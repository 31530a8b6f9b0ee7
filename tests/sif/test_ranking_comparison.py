"""Comparisons of methods that rank."""

import json
from pathlib import Path

import pandas as pd
import pytest

from nasp.errors import NaspError
from sif import search
from sif.compare import main
from sif.comparison.config import CompareConfig
from sif.comparison.ranking_comparison import METHODS, RankingComparison
from sif.config import RANKING
from sif.options import SearchOptions
from tests.sif.tasks.test_ranking import tastes

QUICK = {
    "epochs": 2,
    "warm_up": 1,
    "restarts": 1,
    "finalists": 1,
    "train_epochs": 3,
    "embedding_dim": 4,
    "batch_size": 64,
    "encoders": "[id,history]",
    "closed_form_trials": 2,
    "trials": 2,
}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parts = tastes()
    every = (parts.train, parts.valid, parts.test)
    blocks = [block.frame() for part in every for block in part.blocks()]
    path = tmp_path_factory.mktemp("pairs") / "pairs.csv"
    pd.concat(blocks)[["user", "item"]].to_csv(path, index=False)
    return path


def test_methods_are_compared_on_the_same_splits(pairs: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["--data", str(pairs), "--methods", "ease,svdpp_shared,random,search", "--seeds", "2"]
    options = [f"--search.{name}={value}" for name, value in QUICK.items()]
    main([*words, *options, "--tracking", "none", "--quiet", "--output", str(run)])
    cells = [json.loads(path.read_text()) for path in (run / "measurements").glob("*.json")]
    assert not any(cell["failed"] for cell in cells)
    named = {(cell["method"], cell["seed"]): cell for cell in cells}
    methods = ["popularity", "ease", "svdpp_shared", "random", "search"]
    assert sorted(named) == sorted((method, seed) for method in methods for seed in (1, 2))
    for method in methods[1:]:
        better, worse = (
            named[name, 1]["metrics"]["test/ndcg_10"] for name in (method, "popularity")
        )
        assert better > worse, method
    table = (run / "table.md").read_text()
    assert all(f"| {method} | 2 |" in table for method in methods)
    assert "implicit_als" in table.split("left out: ")[1].splitlines()[0]
    # The row `search` is what the command does.
    words = ["--data", str(pairs), "--seed", "1", "--tracking", "none", "--quiet"]
    options = [f"--{name}={value}" for name, value in QUICK.items()]
    search.main([*words, *options, "--output", str(tmp_path / "alone")])
    alone = json.loads((tmp_path / "alone" / "result.json").read_text())["metrics"]
    measured = named["search", 1]["metrics"]
    assert measured["test/ndcg_10"] == alone["refit/test/ndcg_10"]
    assert measured["valid/ndcg_10"] == alone["valid/ndcg_10"]


def test_options_that_are_not_given_are_the_tasks() -> None:
    comparison = RankingComparison(CompareConfig(search=SearchOptions(embedding_dim=4)))
    options = comparison.options("nasp", 1000)
    assert options.embedding_dim == 4
    assert options.objective == RANKING["objective"]
    assert options.strategy_name == "nasp"
    assert set(comparison.methods) == set(METHODS)


def test_mistakes_are_named(pairs: Path, tmp_path: Path) -> None:
    words = ["--data", str(pairs), "--tracking", "none", "--output", str(tmp_path / "run")]
    for more, message in (
        (["--methods", "biases"], "method"),
        (["--methods", "mf"], "method of the task ranking: 'mf'"),
        (["--embedding_dims", "4"], "embedding_dims is for the task rating"),
    ):
        with pytest.raises(NaspError, match=message):
            main([*words, *more])
