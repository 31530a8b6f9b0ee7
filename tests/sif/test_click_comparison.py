"""Comparisons of methods of click prediction."""

import json
from pathlib import Path

import pytest

from nasp.errors import NaspError
from sif.compare import main
from sif.comparison.click_comparison import METHODS
from sif.comparison.config import CompareConfig
from tests.sif.tasks.test_click import planted

QUICK = {
    "epochs": 2,
    "warm_up": 1,
    "restarts": 1,
    "finalists": 1,
    "train_epochs": 12,
    "learning_rate": 0.05,
    "weight_decay": 0.001,
    "embedding_dim": 4,
    "hidden_units": 8,
    "batch_size": 64,
    "trials": 1,
}


def test_methods_are_compared_on_the_same_splits(tmp_path: Path) -> None:
    planted(1200).to_csv(tmp_path / "clicks.csv", index=False)
    run = tmp_path / "run"
    methods = ["fm", "dcnv2", "random", "search"]
    words = ["--data", str(tmp_path / "clicks.csv"), "--columns", "context=hour", "--seeds", "1"]
    options = [f"--search.{name}={value}" for name, value in QUICK.items()]
    quiet = ["--tracking", "none", "--quiet", "--output", str(run)]
    main([*words, "--methods", ",".join(methods), *options, *quiet])
    cells = [json.loads(path.read_text()) for path in (run / "measurements").glob("*.json")]
    assert not any(cell["failed"] for cell in cells)
    named = {cell["method"]: cell for cell in cells}
    trivial = ["global_mean", "popularity", "biases"]
    assert sorted(named) == sorted([*trivial, *methods])
    best = max(named[name]["metrics"]["test/auc"] for name in trivial)
    assert all(named[name]["metrics"]["test/auc"] > best for name in ("fm", "search")), named
    assert named["global_mean"]["metrics"]["test/auc"] == 0.5
    sizes = {name: named[name]["metrics"]["model/parameters"] for name in methods}
    assert sizes["fm"] < sizes["dcnv2"], "their embeddings are alike"
    found = {name for name in named if named[name]["found"]}
    assert found == {"random", "search"}
    table = (run / "table.md").read_text()
    assert all(f"| {name} | 1 |" in table for name in named)
    assert "finalmlp" in table.split("left out: ")[1].splitlines()[0]


def test_every_method_can_be_named() -> None:
    assert set(METHODS) <= set(CompareConfig().known_methods())


def test_methods_of_other_tasks_are_refused(tmp_path: Path) -> None:
    planted(100).to_csv(tmp_path / "clicks.csv", index=False)
    with pytest.raises(NaspError, match="method of the task click: 'ease'"):
        main(["--data", str(tmp_path / "clicks.csv"), "--methods", "ease"])
