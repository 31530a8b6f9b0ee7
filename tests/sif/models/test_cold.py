"""Users and items without training rows are predicted by their features."""

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from nasp.core.genotype import Genotype
from nasp.errors import NaspError
from nasp.files.digest import KEY, with_digest
from nasp.runs.context import RunContext
from nasp.search import SearchResult, train
from sif import recommend
from sif.data.click_data import ClickData
from sif.data.search_data import SearchData
from sif.data.side_table import side_table
from sif.data.task_data import Sides
from sif.models.click import ClickModel
from sif.models.cold import Newcomers
from sif.models.file import load_model
from sif.models.rating import InteractionModel
from sif.nn.fields import FieldSpace
from sif.options import SearchOptions
from sif.tasks.click import ClickTask, known_model
from sif.tasks.rating import RatingTask
from sif.zoo import ZOO

USERS, ITEMS = 60, 30
OPTIONS = SearchOptions(embedding_dim=3, batch_size=64, refit=False)
CLICKS: dict[str, Any] = {"objective": "logistic", "optimizer": "adam", "learning_rate": 0.02}
CLICKS |= {"embedding_dim": 4, "batch_size": 32, "penalty": "squared"}
CLICKS |= {"weight_decay": 0.001, "train_epochs": 30}


def properties(ids: range) -> pd.DataFrame:
    """The group of each id, and whether it is even."""
    named = [["left", "middle", "right"][n % 3] for n in ids]
    return pd.DataFrame({"user": ids, "group": named, "even": [n % 2 for n in ids]})


def side(role: str) -> Any:
    frame = properties(range(USERS if role == "user" else ITEMS))
    return side_table(frame.rename(columns={"user": role}), role, f"{role}s.csv")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Ratings by the groups of users and items, in a scale from 1 to 5."""
    random = np.random.default_rng(0)
    level = random.permutation(np.linspace(-1.5, 1.5, 9)).reshape(3, 3)
    rows = pd.DataFrame({"user": random.integers(USERS, size=1500)})
    rows["item"] = random.integers(ITEMS, size=1500)
    rows = rows.drop_duplicates()
    rating = 3 + level[rows["user"] % 3, rows["item"] % 3] + 0.2 * random.normal(size=len(rows))
    return rows.assign(rating=rating.clip(1, 5))


def is_cold(frame: pd.DataFrame) -> pd.Series:
    return (frame["user"] % 10 == 7) | (frame["item"] % 10 == 4)


def both_sides() -> Sides:
    return Sides((side("user"), side("item")))


Way = Callable[[str], InteractionModel]


@pytest.fixture(scope="module")
def rating_model(frame: pd.DataFrame) -> Way:
    """Returns a model of the ratings of warm users and items, by the name of a known model."""
    warm = frame[~is_cold(frame)]
    half = 3 * len(warm) // 4
    data = SearchData.from_splits(
        warm[:half], warm[half:], sides=Sides((side("user"), side("item")))
    )

    @cache
    def made(name: str) -> InteractionModel:
        name, _, sweeps = name.partition(" ")
        task = RatingTask(data, replace(OPTIONS, sweeps=int(sweeps or 0)), epochs=40)
        return task.model(train(task, name, ZOO[name], 1, RunContext()))

    return made


@pytest.mark.parametrize(
    "name", ["biased_mf", "svdpp_shared", "lightgcn", "biased_mf 60", "svdpp_shared 60"]
)
def test_features_predict_ratings_of_new_users_and_items(
    name: str, rating_model: Way, frame: pd.DataFrame, tmp_path: Path
) -> None:
    model, cold = rating_model(name), frame[is_cold(frame)]
    known = model.predict(frame[~is_cold(frame)])
    more = model.with_features(side("user"), side("item"))
    assert np.array_equal(more.predict(frame[~is_cold(frame)]), known), "others do not change"
    with pytest.warns(UserWarning, match="ids .* are predicted by their features"):
        found = model.predict(cold, user_features=side("user"), item_features=side("item"))
    with pytest.warns(UserWarning, match="ids are not known"):
        without = model.predict(cold)
    error, before = (np.square(p - cold["rating"]).mean() ** 0.5 for p in (found, without))
    assert error < (0.4 if name.endswith("60") else 0.95) * before
    assert (tuple(more.cold[0]), tuple(more.cold[1])) == ((7, 17, 27, 37, 47, 57), (4, 14, 24))
    assert list(more.encoder.ids[0]) == list(range(USERS))
    assert len(more.recommend(7, 50)) == ITEMS
    liked = set(model.recommend(8, 50, exclude_seen=False)["item"]) - set(
        model.recommend(8, 50)["item"]
    )
    assert not liked & set(more.recommend(8, 50)["item"]), "they are at new places"
    for path, one in ((tmp_path / "a.pt", model), (tmp_path / "b.pt", more)):
        one.save(path)
    again, extended = (InteractionModel.load(tmp_path / name) for name in ("a.pt", "b.pt"))
    features = {"user_features": side("user"), "item_features": side("item")}
    with pytest.warns(UserWarning, match="are predicted by their features"):
        assert np.array_equal(again.predict(cold, **features), found)
    with pytest.warns(UserWarning, match="are predicted by their features"):
        assert extended.predict(cold) == pytest.approx(found)
    assert [list(ids) for ids in extended.cold] == [list(ids) for ids in more.cold]


def test_a_new_id_is_the_mean_and_what_its_features_add(rating_model: Way) -> None:
    model = rating_model("biased_mf")
    weights = model.sides[0]
    assert weights is not None
    names = [name for column in weights.columns for name in column.names]
    (base,), (added,) = weights.base, weights.weights
    expected = base + added[names.index("group=right")] + added[names.index("even=1")]
    new = pd.DataFrame({"user": [1001], "group": ["right"], "even": [1]})
    more = model.with_features(new)
    table = more.network.embeddings.table  # type: ignore[union-attr, operator]
    torch.testing.assert_close(table[more.encoder.ids[0].get_loc(1001)], expected)


@pytest.fixture(scope="module")
def click_model(frame: pd.DataFrame) -> ClickModel:
    liked = frame.assign(rating=(frame["rating"] > 3).astype(float))
    warm = liked[~is_cold(frame)]
    half = 3 * len(warm) // 4
    data = ClickData.from_splits(
        warm[:half], warm[half:], sides=Sides((side("user"), side("item")))
    )
    task = ClickTask(data, SearchOptions(**CLICKS))
    genotype = Genotype(
        FieldSpace.name, known_model(task.decisions(torch.Generator())[0], "hidden1")
    )
    (trained,) = task.train("one", genotype, 1, RunContext())
    return task.models(SearchResult(genotype, trained.metrics, {}, {}, [trained]))[0]


def test_features_predict_clicks_of_new_users_and_items(
    click_model: ClickModel, frame: pd.DataFrame, tmp_path: Path
) -> None:
    cold, liked = frame[is_cold(frame)], frame["rating"] > 3
    with pytest.warns(UserWarning, match="ids .* are predicted by their features"):
        found = click_model.predict(cold, user_features=side("user"), item_features=side("item"))
    with pytest.warns(UserWarning, match="ids are not known"):
        without = click_model.predict(cold)
    right, before = (((p > 0.5) == liked[cold.index]).mean() for p in (found, without))
    assert right > 0.85
    assert right > before + 0.05
    more = click_model.with_features(side("user"), side("item"))
    warm = frame[~is_cold(frame)]
    assert more.predict(warm) == pytest.approx(click_model.predict(warm), rel=1e-5)
    new, sizes = torch.tensor([[0], [USERS + 1 + 4]]), (USERS + 1, ITEMS + 1)
    assert float(more.rates.logits("popularity", new, sizes)) == float(
        click_model.rates.items[-1]
    ), "a new item is an unknown one"
    click_model.save(tmp_path / "model.pt")
    again = load_model(tmp_path / "model.pt")
    assert isinstance(again, ClickModel)
    again = again.with_features(side("user"), side("item"))
    with pytest.warns(UserWarning, match="are predicted by their features"):
        assert again.predict(cold) == pytest.approx(found)


def test_the_command_says_who_is_new(
    rating_model: Way, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rating_model("biased_mf").save(tmp_path / "model.pt")
    properties(range(USERS)).to_csv(tmp_path / "users.csv", index=False)
    some = ["--model", str(tmp_path / "model.pt"), "--users", "7,8", "--n", "2"]
    output = tmp_path / "top.csv"
    recommend.main([*some, "--user_features", str(tmp_path / "users.csv"), "--output", str(output)])
    found = pd.read_csv(output)
    assert found[["user", "cold"]].value_counts().to_dict() == {(7, True): 2, (8, False): 2}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="even"), "no column 'even', which training had"),
        (lambda f: f.assign(user=[*range(9), None]), "no id"),
        (lambda f: f.assign(user=[*range(9), 8]), "has a row before"),
        (lambda f: f.assign(user="new"), "has a row before"),
        (lambda f: f[:1].assign(user="new"), "new is no whole number, as known ids are"),
    ],
)
def test_mistakes_in_features_are_told(
    change: Callable[[pd.DataFrame], pd.DataFrame], message: str, rating_model: Way
) -> None:
    model = rating_model("biased_mf")
    with pytest.raises(NaspError, match=message) as told:
        model.with_features(change(properties(range(10))))
    assert "\n" not in str(told.value)


def test_a_model_without_features_says_so(rating_model: Way) -> None:
    model = copy(rating_model("biased_mf"))
    model.sides = (None, model.sides[1])
    with pytest.raises(NaspError, match="the model knows no features of users"):
        model.with_features(properties(range(10)))


def test_damaged_weights_are_refused(rating_model: Way, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    rating_model("biased_mf").save(path)
    whole = torch.load(path, weights_only=True)
    for damage in (
        lambda b: b["sides"][0]["weights"].append(torch.zeros(2)),
        lambda b: b["sides"][0]["base"].clear(),
        lambda b: b["sides"][0]["columns"].pop(),
        lambda b: b["sides"].pop(),
        lambda b: b.update(cold=[torch.tensor([1]), torch.tensor([9999])]),
    ):
        body = torch.load(path, weights_only=True)
        damage(body)
        torch.save(with_digest({k: v for k, v in body.items() if k != KEY}), path)
        with pytest.raises(NaspError, match="features"):
            InteractionModel.load(path)
        torch.save(whole, path)


def test_new_ids_keep_the_order_of_all(rating_model: Way) -> None:
    model = rating_model("biased_mf")
    given = properties(range(70)).iloc[::-1]
    more = Newcomers.of(model.encoder, 0, model.sides, given)
    assert list(more.ids) == list(range(70))
    known = model.encoder.ids[0]
    places = more.places(torch.arange(len(known)))
    assert list(more.ids[places.numpy()]) == list(known)
    rows = torch.tensor(known.to_numpy())[:, None].float()
    joined = more.join(rows, torch.tensor(more.new.to_numpy())[:, None].float())
    assert joined[:, 0].tolist() == list(range(70))
