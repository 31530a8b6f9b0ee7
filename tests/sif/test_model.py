"""A found model predicts, recommends, and survives its file; the estimator wraps it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from nasp.core.digest import sealed
from nasp.core.errors import NaspError
from nasp.core.genotype import Genotype
from sif import InteractionModel, InteractionSearch
from sif.data import Synthetic, synthetic
from sif.embeddings import SpaceOptions
from sif.model import stand_alone

FAST = {"embedding_dim": 2, "epochs": 3, "warm_up": 1, "restarts": 2, "train_epochs": 3}


def ratings(text_ids: bool = False) -> pd.DataFrame:
    frame = synthetic(Synthetic(users=30, items=20, ratings=400), seed=0)
    return frame.assign(user="u" + frame["user"].astype(str)) if text_ids else frame


@pytest.fixture(scope="module")
def fitted() -> InteractionSearch:
    return InteractionSearch(**FAST).fit(ratings(text_ids=True))


def test_fit_predict(fitted: InteractionSearch) -> None:
    predicted = fitted.predict(["u1", "u2", "stranger", "stranger"], [3, 4, 5, 999])
    assert predicted.shape == (4,)
    scale, item = fitted.model_.scale, fitted.model_.encoder.ids[1].get_loc(5)
    bias = fitted.model_.biases[fitted.model_.encoder.sizes[0] + item]
    assert predicted[2] == pytest.approx(scale.mean + scale.std * float(bias), rel=1e-6)
    assert predicted[3] == pytest.approx(scale.mean)
    assert np.isfinite(predicted).all()
    assert isinstance(fitted.genotype_, Genotype)
    assert 0 < fitted.valid_rmse_ < 2


def test_recommend_leaves_out_what_was_rated(fitted: InteractionSearch) -> None:
    best = fitted.recommend("u1", 5)
    assert list(best.columns) == ["item", "rating"]
    assert best["rating"].is_monotonic_decreasing
    users, items = fitted.model_.encoder.ids
    position = users.get_loc("u1")
    rated = fitted.model_.rated[1, fitted.model_.rated[0] == position].tolist()
    assert rated
    assert not set(items[rated]) & set(best["item"])
    everything = fitted.recommend("u1", 999)
    assert len(everything) == len(items) - len(rated)
    expected = fitted.predict(["u1"] * len(everything), list(everything["item"]))
    assert np.allclose(everything["rating"], expected)


def test_recommend_to_a_stranger_says_so(fitted: InteractionSearch) -> None:
    with pytest.raises(NaspError, match="'nobody'"):
        fitted.recommend("nobody")


def test_save_and_load(fitted: InteractionSearch, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    fitted.save(path)
    again = InteractionSearch.load(path)
    users, items = ["u1", "u5", "u9"], [0, 1, 2]
    assert np.array_equal(again.predict(users, items), fitted.predict(users, items))
    assert again.genotype_ == fitted.genotype_
    pd.testing.assert_frame_equal(again.recommend("u1", 3), fitted.recommend("u1", 3))
    assert again.embedding_dim == 2


@pytest.mark.parametrize("keep", [0, 10, 2000])
def test_a_damaged_model_file_is_named(
    fitted: InteractionSearch, tmp_path: Path, keep: int
) -> None:
    path = tmp_path / "model.pt"
    fitted.save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(NaspError, match=r"model\.pt: not a model file"):
        InteractionModel.load(path)


def test_a_missing_model_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NaspError, match=r"nowhere\.pt: cannot read the model file \(No such"):
        InteractionModel.load(tmp_path / "nowhere.pt")


def test_a_flipped_bit_of_a_weight_is_noticed(fitted: InteractionSearch, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    fitted.save(path)
    whole = path.read_bytes()
    there = whole.index(fitted.model_.biases.numpy().tobytes())
    path.write_bytes(whole[:there] + bytes([whole[there] ^ 1]) + whole[there + 1 :])
    torch.load(path, weights_only=True)  # torch itself reads it without a word
    with pytest.raises(NaspError, match="the model file is damaged"):
        InteractionModel.load(path)


def test_a_model_of_the_first_version_is_read(fitted: InteractionSearch, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    fitted.save(path)
    body = torch.load(path, weights_only=True)
    del body["digest"], body["format"]
    torch.save({**body, "version": 1}, path)
    users, items = ["u1", "u5"], [0, 1]
    again = InteractionModel.load(path).predict(pd.DataFrame({"user": users, "item": items}))
    assert np.array_equal(again, fitted.predict(users, items))


def test_what_no_training_writes_is_refused_by_name(
    fitted: InteractionSearch, tmp_path: Path
) -> None:
    path = tmp_path / "model.pt"
    fitted.save(path)
    body = torch.load(path, weights_only=True)
    del body["digest"]
    users, items = body["encoder"]["ids"]
    table = body["network"]["embeddings.table"]
    for change, message in (
        ({"version": True}, "version True"),
        ({"scale": [3.0, 0.0]}, r"scale\[1\] must be a finite number above 0, not 0.0"),
        ({"scale": [3.0, float("nan")]}, r"scale\[1\] must be a finite number, not nan"),
        ({"encoder": {"columns": ["user", "item"], "ids": [users[::-1], items]}}, "sorted"),
        ({"encoder": {"columns": ["user", "item"], "ids": [users, items[:1] * 2]}}, "sorted"),
        ({"encoder": {"columns": ["user", "item"], "ids": [users, ["a", *items]]}}, "be text"),
        ({"encoder": {"columns": ["user", "user"], "ids": [users, items]}}, "one name for each"),
        ({"rated": body["rated"] + 1000}, "positions that are no ids"),
        ({"rated": body["rated"].long()}, "rated must be of torch.int32"),
        ({"biases": body["biases"][1:]}, "biases for"),
        ({"biases": body["biases"] / 0}, "biases holds a number that is not finite"),
        ({"network": {**body["network"], "embeddings.table": table[1:]}}, "must have the shape"),
        ({"network": {**body["network"], "embeddings.table": table.double()}}, "torch.float32"),
        ({"options": {**body["options"], "penalty": "none"}}, "options.penalty must be one of"),
        ({"options": {}}, "options.embedding_dim is missing"),
        ({"genotype": "{}"}, "not a genotype"),
    ):
        torch.save(sealed({**body, **change}), path)
        with pytest.raises(NaspError, match=message) as error:
            InteractionModel.load(path)
        assert str(path) in str(error.value)


def test_estimator_conventions() -> None:
    estimator = InteractionSearch(embedding_dim=3, random_state=7)
    assert clone(estimator).get_params() == estimator.get_params()
    assert estimator.get_params()["embedding_dim"] == 3
    estimator.set_params(embedding_dim=0)
    with pytest.raises(NaspError, match="embedding_dim is 0"):
        estimator.fit(ratings())
    with pytest.raises(NotFittedError):
        InteractionSearch().predict([1], [1])


def test_ratings_may_come_apart_and_a_seed_repeats() -> None:
    frame = ratings()
    together = InteractionSearch(**FAST).fit(frame)
    apart = InteractionSearch(**FAST).fit(frame[["user", "item"]], frame["rating"].to_numpy())
    assert together.genotype_ == apart.genotype_
    assert together.valid_rmse_ == apart.valid_rmse_


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="rating"), "rating"),
        (lambda f: f.assign(rating=float("nan")), "rating"),
        (lambda f: f.assign(user=1).drop_duplicates(["user", "item"]), "user"),
        (lambda f: f.head(0), "the table given"),
    ],
)
def test_a_bad_table_is_refused(change: object, message: str) -> None:
    with pytest.raises(NaspError, match=message):
        InteractionSearch(**FAST).fit(change(ratings()))  # type: ignore[operator]


def test_a_genotype_of_another_space_is_refused() -> None:
    options = SpaceOptions(embedding_dim=2)
    cnn = Genotype("cnn", {"normal": (("in", "skip"), ("in2", "skip"))})
    with pytest.raises(NaspError, match="'cnn'"):
        stand_alone(cnn, (3, 3), options, torch.Generator())
    two = InteractionSearch(**FAST).fit(ratings()).genotype_
    with pytest.raises(NaspError, match="3 entities"):
        stand_alone(two, (3, 3, 3), options, torch.Generator())
