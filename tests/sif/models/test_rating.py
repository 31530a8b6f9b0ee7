"""A model predicts, recommends, and can be saved and loaded; the estimator wraps it."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars
import pytest
import scipy.sparse
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline

from nasp.core.genotype import Genotype
from nasp.errors import NaspError
from nasp.files.digest import with_digest
from sif import InteractionModel, InteractionSearch
from sif.data import Synthetic, synthetic
from sif.models.rating import build_network
from sif.options import SpaceOptions

FAST: dict[str, Any] = {
    **{"embedding_dim": 2, "epochs": 3, "warm_up": 1, "restarts": 2, "train_epochs": 3},
    **{"encoders": ("id",), "sweeps": 0, "known": (), "batch_size": 64},
}


def ratings(text_ids: bool = False) -> pd.DataFrame:
    frame = synthetic(Synthetic(users=30, items=20, ratings=400), seed=0)
    return frame.assign(user="u" + frame["user"].astype(str)) if text_ids else frame


@pytest.fixture(scope="module")
def fitted() -> InteractionSearch:
    return InteractionSearch(**FAST).fit(ratings(text_ids=True))


def test_fit_predict(fitted: InteractionSearch) -> None:
    with pytest.warns(UserWarning) as told:
        predicted = fitted.predict(["u1", "u2", "stranger", "stranger"], [3, 4, 5, 999])
    assert [str(warning.message) for warning in told] == [
        "user: 2 of 4 ids are not known, stranger for example",
        "item: 1 of 4 ids are not known, 999 for example",
    ]
    assert predicted.shape == (4,)
    scale, item = fitted.model_.scale, fitted.model_.encoder.ids[1].get_loc(5)
    bias = fitted.model_.biases[fitted.model_.encoder.sizes[0] + item]
    assert predicted[2] == pytest.approx(scale.mean + scale.std * float(bias), rel=1e-6)
    assert predicted[3] == pytest.approx(scale.mean)
    assert np.isfinite(predicted).all()
    assert isinstance(fitted.genotype_, Genotype)
    assert 0 < fitted.valid_rmse_ < 2


def test_pairs_go_by_position_and_are_as_many(fitted: InteractionSearch) -> None:
    expected = fitted.predict(["u1", "u7"], [3, 4])
    for index in ([1, 2], [1, 0]):
        users, items = pd.Series(["u1", "u7"], [0, 1]), pd.Series([3, 4], index)
        assert np.array_equal(fitted.predict(users, items), expected)
    table = pd.DataFrame({"item": [3, 4], "user": ["u1", "u7"], "price": 1.0})
    polar = polars.from_pandas(table)
    for pairs in (table, polar, polar.to_arrow(), [("u1", 3), ("u7", 4)]):
        assert np.array_equal(fitted.predict(pairs), expected)
    assert np.array_equal(fitted.predict(polar["user"], polar["item"]), expected)
    with pytest.raises(NaspError, match="2 of user, 1 of item"):
        fitted.predict(["u1", "u7"], [3])
    with pytest.raises(NaspError, match=r"items? is 3: give a sequence"):
        fitted.predict(["u1"], 3)
    with pytest.raises(NaspError, match=r"no user column .*; call it 'user'$"):
        fitted.predict(pd.DataFrame({"who": ["u1"], "item": [3]}))
    with pytest.raises(NaspError, match="unknown argument 'mood'"):
        fitted.predict(["u1"], [3], mood=["good"])
    with pytest.raises(NaspError, match="row 1 has no user"):
        fitted.predict(["u1", None], [3, 4])


def test_ids_are_found_whatever_their_type_or_it_is_said(fitted: InteractionSearch) -> None:
    expected = fitted.predict(["u1"], [3])
    assert np.array_equal(fitted.predict(["u1"], ["3"]), expected)
    assert np.array_equal(fitted.predict(np.array(["u1"]), np.array([3.0])), expected)
    pd.testing.assert_frame_equal(fitted.recommend(b"u1"), fitted.recommend("u1"))
    for wrong in (["3.5"], [True], [pd.Timestamp(3)]):
        with pytest.raises(NaspError, match=r"item: no id is known.* \(0 for example\)"):
            fitted.predict(["u1"], wrong)


def saturated() -> pd.DataFrame:
    """Make ratings from 2 to 4 whose biases add up to values outside of this range."""
    frame = ratings()
    return frame.assign(rating=(frame["user"] % 5 + frame["item"] % 5).clip(2, 4))


def test_predictions_are_clipped_to_the_ratings_unless_told_otherwise() -> None:
    longer = {"train_epochs": 15, "weight_decay": 0.001, "learning_rate": 0.3}
    search = InteractionSearch(**FAST | longer).fit(saturated())
    users, items = saturated()["user"], saturated()["item"]
    clipped, free = search.predict(users, items), search.predict(users, items, clip=False)
    assert free.min() < 2 or free.max() > 4
    assert np.array_equal(clipped, free.clip(2, 4))
    best = search.recommend(4, 20, exclude_seen=False)  # by predictions that are not clipped
    assert best["rating"].max() <= 4
    free = search.predict([4] * len(best), best["item"], clip=False)
    assert free[0] > 4 and (np.diff(free) <= 0).all()


@pytest.mark.parametrize("given", [False, True])
def test_recommend_leaves_out_what_was_rated(given: bool) -> None:
    frame = ratings(text_ids=True)
    train, valid = (frame[:300], frame[300:]) if given else (frame, None)
    search = InteractionSearch(**FAST).fit(train, valid=valid)
    rated = set(frame["item"][frame["user"] == "u1"])
    assert rated
    best = search.recommend("u1", 5)
    assert list(best.columns) == ["item", "rating"]
    assert best["rating"].is_monotonic_decreasing
    everything = search.recommend("u1", 999)
    assert set(everything["item"]) == set(frame["item"]) - rated
    expected = search.predict(["u1"] * len(everything), list(everything["item"]))
    assert np.allclose(everything["rating"], expected)
    assert set(search.recommend("u1", 999, exclude_seen=False)["item"]) == set(frame["item"])
    with pytest.raises(NaspError, match="n is 0"):
        search.recommend("u1", 0)


def test_contexts_are_named_and_what_is_not_used_is_told() -> None:
    frame = ratings().assign(mood=["good", "bad"] * 200, season="summer")
    with pytest.warns(UserWarning, match=r"not used: season; .* contexts=\['season'\]"):
        search = InteractionSearch(**FAST).fit(frame, contexts=["mood"])
    assert search.model_.encoder.columns == ("user", "item", "mood")
    good, bad = search.predict([1, 1], [3, 3], mood=["good", "bad"])
    assert good != bad
    two = frame.head(2)
    apart = search.predict(two["user"], two["item"], mood=two["mood"])
    assert np.array_equal(search.predict(two), apart)
    with pytest.raises(NaspError, match="no column 'mood'"):
        search.predict([1], [3])
    with pytest.raises(NaspError, match="needs a context"):
        search.recommend(1)
    assert len(search.recommend(1, 3, context={"mood": "good"})) == 3
    with pytest.raises(NaspError, match="'sad' has no rating"):
        search.recommend(1, 3, context={"mood": "sad"})


def test_tables_of_all_plain_forms_are_one() -> None:
    frame = ratings()
    expected = InteractionSearch(**FAST).fit(frame)
    polar = polars.from_pandas(frame)
    triples = list(frame.itertuples(index=False, name=None))
    entries = scipy.sparse.coo_array((frame["rating"], (frame["user"], frame["item"])))
    for X in (polar, polar.to_arrow(), triples, frame.to_numpy(), entries):
        again = InteractionSearch(**FAST).fit(X)
        assert again.valid_rmse_ == expected.valid_rmse_
    for wrong in ("ratings.csv", None, 3, [1, 2], [(1, 2)], np.zeros(3), {"user": [1]}):
        with pytest.raises(NaspError, match="a frame, or rows of user, item, rating"):
            InteractionSearch(**FAST).fit(wrong)


@pytest.mark.filterwarnings("ignore:.*are not known")  # a fold has not all users
def test_scikit_learn_selects_and_scores() -> None:
    frame = ratings()
    pairs, values = frame[["user", "item"]], frame["rating"]
    scores = cross_val_score(InteractionSearch(**FAST), pairs, values, cv=2)
    assert scores.shape == (2,) and np.isfinite(scores).all()
    grid = GridSearchCV(InteractionSearch(**FAST), {"embedding_dim": [1, 2]}, cv=2)
    line = Pipeline([("search", grid)]).fit(pairs, values)
    predicted = line.predict(pairs)
    assert line.score(pairs, values) == pytest.approx(r2_score(values, predicted))


def test_a_fitted_estimator_is_pickled(fitted: InteractionSearch) -> None:
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(again.predict(["u1"], [3]), fitted.predict(["u1"], [3]))


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
    assert again.get_params() == fitted.get_params()
    assert again.valid_rmse_ == fitted.valid_rmse_
    with pytest.raises(NaspError, match="no folder"):
        fitted.save(tmp_path / "missing" / "model.pt")
    with pytest.raises(NaspError, match="is a folder"):
        fitted.save(tmp_path)
    (tmp_path / "ratings.csv").write_text("user,item,rating\n1,2,3\n")
    for wrong in (tmp_path, tmp_path / "ratings.csv"):
        with pytest.raises(NaspError):
            InteractionSearch.load(wrong)


def rated() -> torch.Tensor:
    """Positions of the users and items of all ratings among their sorted ids."""
    frame = ratings(text_ids=True)
    places = [pd.factorize(frame[name], sort=True)[0] for name in ("user", "item")]
    return torch.tensor(np.stack(places), dtype=torch.int32)


def test_a_model_knows_all_that_was_rated(fitted: InteractionSearch) -> None:
    known = fitted.model_.rated
    assert known.dtype == torch.int32
    assert sorted(known.T.tolist()) == sorted(rated().T.tolist())


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
    torch.load(path, weights_only=True)  # torch reads it without an error
    with pytest.raises(NaspError, match="the model file is damaged"):
        InteractionModel.load(path)


def test_what_no_training_writes_is_refused_by_name(
    fitted: InteractionSearch, tmp_path: Path
) -> None:
    path = tmp_path / "model.pt"
    fitted.save(path)
    body = torch.load(path, weights_only=True)
    del body["digest"]
    users, items = body["encoder"]["ids"]
    (member,) = body["members"]
    network = member["network"]
    table = network["embeddings.table"]

    def members(**changes: object) -> dict[str, object]:
        return {"members": [{**member, **changes}]}

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
        (members(network={**network, "embeddings.table": table[1:]}), "must have the shape"),
        (members(network={**network, "embeddings.table": table.double()}), "torch.float32"),
        ({"options": {**body["options"], "penalty": "none"}}, "options.penalty must be one of"),
        ({"options": {}}, "options.embedding_dim is missing"),
        ({"genotype": "{}"}, "not a genotype"),
        (members(genotype="{}"), "not a genotype"),
        (members(weight=0.0), "weight must be a finite number above 0"),
        (members(encoded={"id": table}), "one table of encodings"),
        ({"members": []}, "the model has no network"),
    ):
        torch.save(with_digest({**body, **change}), path)
        with pytest.raises(NaspError, match=message) as error:
            InteractionModel.load(path)
        assert str(path) in str(error.value)


def test_estimator_conventions() -> None:
    estimator = InteractionSearch(embedding_dim=3, random_state=7)
    assert clone(estimator).get_params() == estimator.get_params()
    assert estimator.get_params()["embedding_dim"] == 3
    mistakes = (("2", "epochs is '2', a str; it must be int"), (True, "a bool"), (0, "above 0"))
    for wrong, message in mistakes:
        with pytest.raises(NaspError, match=message):
            InteractionSearch().set_params(epochs=wrong).fit(ratings())
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="rating"), "no rating column .*; call it 'rating'"),
        (lambda f: f.assign(rating="good"), "'good' is not a number; .* call it 'rating'"),
        (lambda f: f.assign(rating=1e12 + f["item"]), "would be rounded.*; divide them"),
        (lambda f: f.rename(columns={"user": "who"}), "no user column .*; call it 'user'"),
    ],
)
def test_mistakes_are_told_without_the_options_of_commands(change: object, message: str) -> None:
    with pytest.raises(NaspError, match=message) as told:
        InteractionSearch(**FAST).fit(change(ratings()))  # type: ignore[operator]
    assert "--" not in str(told.value)
    with pytest.raises(NaspError, match=r"^contexts: a context cannot be called 'user'"):
        InteractionSearch(**FAST).fit(ratings(), contexts=["user"])


def test_a_genotype_of_another_space_is_refused() -> None:
    options = SpaceOptions(embedding_dim=2)
    cnn = Genotype("cnn", {"normal": (("in", "skip"), ("in2", "skip"))})
    with pytest.raises(NaspError, match="'cnn'"):
        build_network(cnn, (3, 3), options, torch.Generator())
    two = InteractionSearch(**FAST, elementwise=True).fit(ratings()).genotype_
    with pytest.raises(NaspError, match="3 entities"):
        build_network(two, (3, 3, 3), options, torch.Generator())


def test_the_estimator_is_trained_on_all_ratings_in_the_end() -> None:
    alone = InteractionSearch(**FAST, refit=False).fit(ratings())
    refitted = InteractionSearch(**FAST).fit(ratings())
    assert refitted.genotype_ == alone.genotype_
    assert refitted.valid_rmse_ == alone.valid_rmse_
    assert refitted.model_.scale.mean == pytest.approx(ratings()["rating"].mean())
    assert alone.model_.scale.mean != refitted.model_.scale.mean
