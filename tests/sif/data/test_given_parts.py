"""Data sets whose card names the files of a given split, and their task."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from nasp.data.cards import all_cards
from nasp.errors import NaspError
from sif.config import DataOptions
from sif.data import TaskData
from sif.data.card import RatingCard
from tests.sif.data.test_locate import CARD

KEYS = {
    **CARD,
    "places": ["ours/train.csv"],
    "file": None,
    "obtain": "get them",
    "columns": None,
    "rating_transform": "none",
}


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    user, item = np.divmod(np.arange(120), 12)
    frame = pd.DataFrame({"user": user, "item": item, "rating": 1 + (user * item) % 5})
    frame = frame.sample(frac=1, random_state=1)
    (tmp_path / "ours").mkdir()
    for name, part in (("train", frame[:80]), ("valid", frame[80:100]), ("test", frame[100:])):
        part.to_csv(tmp_path / "ours" / f"{name}.csv", index=False)
    return tmp_path


def load(folder: Path, **keys: object) -> tuple[TaskData, list[str]]:
    path = folder / "datasets" / "ours" / "card.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump({k: v for k, v in {**KEYS, **keys}.items() if v is not None}))
    said: list[str] = []
    options = DataOptions(data="ours", data_dir=folder).resolved()
    return options.task_data(1, said.append), said


def sizes(data: TaskData) -> list[int]:
    return [len(part) for part in (data.splits.train, data.splits.valid, data.splits.test)]


def test_a_card_names_its_parts(data_dir: Path) -> None:
    data, said = load(data_dir, valid="valid.csv", test="test.csv")
    assert sizes(data) == [80, 20, 20]
    assert [line.split(":")[0] for line in said] == [
        *("train.csv", "valid.csv", "test.csv", "task rating")
    ]


def test_validation_is_taken_from_training_if_the_card_names_none(data_dir: Path) -> None:
    assert sizes(load(data_dir, test="test.csv")[0]) == [60, 20, 20]


def test_a_card_names_its_task(data_dir: Path) -> None:
    data, said = load(data_dir, task="ranking")
    assert data.task == "ranking"
    assert "task ranking: as given" in said
    assert DataOptions(data="ours", data_dir=data_dir).resolved().task == "ranking"


def test_a_missing_part_is_named(data_dir: Path) -> None:
    with pytest.raises(NaspError, match=r"ours/later.csv is missing: .* has it beside train.csv"):
        load(data_dir, test="later.csv")


def test_the_cards_of_given_splits_are_read() -> None:
    cards = all_cards(RatingCard)
    assert [(cards[n].valid, cards[n].test) for n in ("gowalla", "douban", "frappe-click")] == [
        *((None, "test.txt"), (None, "test.csv"), ("valid.libfm", "test.libfm"))
    ]


def test_rankings_take_fewer_pairs_for_validation(data_dir: Path) -> None:
    assert sizes(load(data_dir, test="test.csv", task="ranking")[0]) == [67, 13, 20]
