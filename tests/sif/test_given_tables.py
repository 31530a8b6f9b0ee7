"""Several tables of a run: messages about them, and equal types of ids."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from nasp.errors import NaspError
from sif import compare, search
from sif.data import Synthetic, synthetic

FAST = [
    *("--embedding_dim", "2", "--epochs", "1", "--warm_up", "0", "--restarts", "1"),
    *("--finalists", "1", "--train_epochs", "1", "--tracking", "none"),
]


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    ratings = synthetic(Synthetic(users=30, items=20, ratings=400), seed=0)
    for name, part in (("train", ratings[:300]), ("test", ratings[300:])):
        part.to_csv(tmp_path / f"{name}.csv", index=False)
    return tmp_path / "train.csv", tmp_path / "test.csv"


def run(train: Path, *arguments: object) -> dict[str, float]:
    output = train.parent / "run"
    search.main(["--data", str(train), "--output", str(output), *FAST, *map(str, arguments)])
    metrics: dict[str, float] = json.loads((output / "result.json").read_text())["metrics"]
    return metrics


def test_a_guest_in_the_test_table_is_one_unknown_user(
    tables: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    train, test = tables
    unseen = set(pd.read_csv(test)["user"]) - set(pd.read_csv(train)["user"])
    assert not unseen
    test.write_text(test.read_text() + "guest,1,3.0\n")
    with pytest.warns(UserWarning, match="column user: 1 of .* guest for example"):
        metrics = run(train, "--test_data", test)
    assert metrics["test/unseen_ratings"] == 1
    said = capsys.readouterr().err
    assert "train.csv: 300 ratings, 30 users, 20 items, ratings " in said
    assert "test.csv: 101 ratings, " in said


def test_ids_that_are_written_otherwise_are_an_error(tables: tuple[Path, Path]) -> None:
    train, test = tables
    frame = pd.read_csv(test)
    frame.assign(user="u" + frame["user"].astype("str")).to_csv(test, index=False)
    with pytest.raises(NaspError, match=r"test ratings, column user: no id is known, u\d+ for"):
        run(train, "--test_data", test)


def test_a_test_table_may_be_small(
    tables: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    train, test = tables
    frame = pd.read_csv(test)
    frame[frame["user"] == frame["user"][0]].assign(rating=3.0).to_csv(test, index=False)
    metrics = run(train, "--test_data", test, "--quiet")
    assert 0 < metrics["test/rmse"] < 5
    assert "ratings" not in capsys.readouterr().err


@pytest.mark.parametrize("command", [search.main, compare.main])
def test_a_pipe_is_refused(command: object, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ratings.csv")
    with pytest.raises(NaspError, match=r"ratings\.csv is not a regular file"):
        command(["--data", str(tmp_path / "ratings.csv"), "--output", str(tmp_path / "run")])  # type: ignore[operator]
