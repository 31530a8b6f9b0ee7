"""Tables with three and four entities, from the file to the recommendation."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from nasp.errors import NaspError
from sif import InteractionModel, search

pytestmark = pytest.mark.usefixtures("empty_pictures")
FAST = [
    *("--embedding_dim", "2", "--epochs", "2", "--warm_up", "1", "--restarts", "1"),
    *("--train_epochs", "2", "--tracking", "none", "--quiet"),
]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    days, trips = ("mon", "tue", "sat"), ("alone", "family")
    rows = [
        f"{days[random.integers(3)]},{user},{trips[random.integers(2)]},h{item},{1 + user % 5}"
        for user in range(40)
        for item in range(12)
    ]
    path = tmp_path / "trips.csv"
    path.write_text("\n".join(["weekday,who,trip_type,hotel,stars", *rows]))
    return path


@pytest.mark.parametrize("contexts", [("trip_type",), ("trip_type", "weekday")])
def test_columns_of_any_number_are_searched(
    table: Path, tmp_path: Path, contexts: tuple[str, ...]
) -> None:
    named = ",".join(
        ["user=who", "item=hotel", "rating=stars", *(f"context={c}" for c in contexts)]
    )
    output = tmp_path / "run"
    search.main(["--data", str(table), "--columns", named, "--output", str(output), *FAST])
    metrics = json.loads((output / "result.json").read_text())["metrics"]
    assert 0 < metrics["test/rmse"] < 3
    model = InteractionModel.load(output / "model.pt")
    assert model.encoder.columns == ("user", "item", *contexts)
    assert model.encoder.sizes[2:] == (2, 3)[: len(contexts)]
    values = {"trip_type": "alone", "weekday": "sat"}
    best = model.recommend(3, 2, context={name: values[name] for name in contexts})
    assert set(best.columns) == {"item", "rating"}
    with pytest.raises(NaspError, match="the model needs a context"):
        model.recommend(3, 2)


def test_a_card_names_the_columns_and_the_transform(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = [
        f"{user},{item},{'noon' if user % 2 else 'night'},monday,{random.integers(1, 30_000)}"
        for user in range(40)
        for item in range(12)
    ]
    (tmp_path / "frappe.csv").write_text("\n".join(["user,item,daytime,weekday,cnt", *rows]))
    run = ["--data", "frappe", "--data_dir", str(tmp_path), *FAST]
    search.main([*run, "--output", str(tmp_path / "log")])
    search.main([*run, "--output", str(tmp_path / "none"), "--rating_transform", "none"])
    config = yaml.safe_load((tmp_path / "log" / "config.yaml").read_text())
    assert config["rating_transform"] == "log"
    assert config["columns"].count("context=") == 2
    rmse = [
        json.loads((tmp_path / name / "result.json").read_text())["metrics"]["test/rmse"]
        for name in ("log", "none")
    ]
    assert rmse[0] < 5 < 1000 < rmse[1]
