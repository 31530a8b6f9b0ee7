"""Side features of users and items in models of ratings."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from nasp.runs.context import RunContext
from nasp.search import SearchResult, train
from sif.data import Splits, split_ratings
from sif.data.search_data import SearchData
from sif.data.side_table import read_side_table
from sif.data.task_data import Sides
from sif.evaluation.ratings import evaluate_predictions
from sif.models.rating import InteractionModel
from sif.nn.embeddings import FEATURE_SCALE, Embeddings
from sif.nn.graph import Propagation
from sif.options import SearchOptions
from sif.tasks.rating import RatingTask
from sif.zoo import ZOO

OPTIONS = SearchOptions(embedding_dim=3, batch_size=64)


@pytest.fixture(scope="module")
def liked_genres(tmp_path_factory: pytest.TempPathFactory) -> tuple[Splits, Sides]:
    """Ratings by the user's taste for the item's genre; few of each item."""
    random = np.random.default_rng(0)
    tastes, genres = random.normal(size=(40, 4)), random.integers(4, size=300)
    frame = pd.DataFrame({"user": random.integers(40, size=1500)})
    frame["item"] = random.integers(300, size=1500)
    frame["rating"] = 3 + tastes[frame["user"], genres[frame["item"]]]
    frame["rating"] += 0.3 * random.normal(size=1500)
    path = tmp_path_factory.mktemp("sides") / "items.csv"
    named = np.array(["action", "comedy", "drama", "war"])[genres]
    pd.DataFrame({"item": range(300), "genre": named}).to_csv(path, index=False)
    parts = split_ratings(frame.drop_duplicates(["user", "item"]), seed=0)
    return parts, Sides((None, read_side_table(path, "item")))


def test_a_row_is_its_embedding_and_what_its_features_add() -> None:
    entries = torch.tensor([0, 3, 3]), torch.tensor([1, 0, 1]), torch.tensor([1.0, 0.5, 0.5])
    random = torch.Generator().manual_seed(0)
    table = Embeddings((2, 3), OPTIONS, random, Propagation(*entries, (5, 2)))
    assert table.weights.shape == (2, 4)
    with torch.no_grad():
        table.weights.normal_(generator=random)
    before, full = table.table.clone(), table.full()
    added = torch.zeros(5, 4)
    added[0], added[3] = table.weights[1], table.weights.sum(0) / 2
    torch.testing.assert_close(full, before + FEATURE_SCALE * added)
    rows = torch.tensor([[0, 1], [3, 4]])
    torch.testing.assert_close(table.look_up(rows), full[rows])
    table.fold_features()
    torch.testing.assert_close(table.table, full)
    assert {name for name, _ in table.named_parameters()} == {"table", "bias"}


def test_features_of_each_entity_have_columns_of_their_own(
    liked_genres: tuple[Splits, Sides], tmp_path: Path
) -> None:
    parts, sides = liked_genres
    lines = ["user,sex", *(f"{n},{'fm'[n % 2]}" for n in range(40))]
    (tmp_path / "users.csv").write_text("\n".join(lines))
    both = Sides((read_side_table(tmp_path / "users.csv", "user"), sides.tables[1]))
    data = SearchData.from_splits(parts.train, parts.valid, sides=both)
    matrix = data.feature_matrix()
    assert matrix is not None
    users, items = data.encoder.sizes
    assert matrix.shape == (users + items, 2 + 4)
    dense = torch.zeros(matrix.shape)
    dense[matrix.row, matrix.column] = matrix.value
    assert (dense[:users].sum(0) > 0).tolist() == [True, True, False, False, False, False]
    assert torch.equal(dense[:users, 1], torch.tensor(data.encoder.ids[0] % 2).float())
    assert (dense[users:, 2:].sum(1) == 1).all()
    assert data.whole().feature_matrix() is not None


@pytest.mark.parametrize(
    ("name", "sweeps"), [("biased_mf", 0), ("biased_mf", 40), ("svdpp_shared", 40)]
)
def test_they_help_where_items_have_few_ratings(
    name: str, sweeps: int, liked_genres: tuple[Splits, Sides], tmp_path: Path
) -> None:
    parts, sides = liked_genres

    def trained(sides: Sides | None) -> tuple[RatingTask, SearchResult, float]:
        data = SearchData.from_splits(parts.train, parts.valid, sides=sides)
        task = RatingTask(data, replace(OPTIONS, sweeps=sweeps), epochs=40)
        found = train(task, name, ZOO[name], 1, RunContext())
        test = data.encode(parts.test)
        predictions = task.model(found).rate(test)
        return task, found, evaluate_predictions(predictions, test, data.scale)["rmse"]

    task, found, rmse = trained(sides)
    assert rmse < 0.95 * trained(None)[2]
    model = task.refitted_model(found)
    assert model is not None
    model.save(tmp_path / "model.pt")
    frame, again = parts.train.frame(), InteractionModel.load(tmp_path / "model.pt")
    assert (again.predict(frame) == model.predict(frame)).all()
