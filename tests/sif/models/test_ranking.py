"""A model of rankings: lists, new users, neighbours, files and their checks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from nasp.core.genotype import Genotype
from nasp.errors import NaspError
from nasp.runs.context import RunContext
from nasp.runs.model_file import load_plain, write_model
from sif.closed_forms import CLOSED_FORMS
from sif.data import Encoder, Table
from sif.data.ranking_data import RankingData
from sif.evaluation.ranking import evaluate_ranking
from sif.models.feature_popularity import DAMPING, FeaturePopularity
from sif.models.file import load_model
from sif.models.function_ranker import FunctionRanker
from sif.models.members import FUNCTION, Member
from sif.models.ranking import KIND, RankingModel
from sif.options import SearchOptions
from sif.tasks.ranking import RankingTask
from sif.user_items import UserItems

USERS = [f"u{user}" for user in range(6)]
ITEMS = [10, 20, 30, 40, 50]
# u5 has no pairs; items 10 and 20 go together, and so do 40 and 50.
PAIRS = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 3), (2, 4), (3, 3), (3, 4), (4, 0), (4, 2)]


def table(pairs: list[tuple[Any, Any]]) -> Table:
    frame = pd.DataFrame(pairs, columns=["user", "item"]).assign(rating=1.0)
    return Table.from_frame(frame)


def pairs_of(cells: list[tuple[int, int]]) -> UserItems:
    users, items = torch.tensor(cells).T
    return UserItems.of(users, items, (6, 5))


def fitted(*names: str, titles: list[str] | None = None) -> RankingModel:
    pairs = pairs_of(PAIRS)
    encoder = Encoder(("user", "item"), (pd.Index(USERS), pd.Index(ITEMS)))
    members = [
        Member(
            name,
            CLOSED_FORMS[name].fit(pairs, CLOSED_FORMS[name].Options(), torch.Generator()),
            float(number + 1),
        )
        for number, name in enumerate(names)
    ]
    return RankingModel(" and ".join(names), members, encoder, pairs, titles=titles)


def trained() -> RankingModel:
    """A model of a trained function."""
    cells = [(USERS[u], ITEMS[i]) for u, i in PAIRS]
    data = RankingData.from_splits(table(cells[:8]), table(cells[8:]))
    options = SearchOptions(
        embedding_dim=3,
        encoders=("id", "history"),
        elementwise=False,
        objective="bpr",
        penalty="squared",
        closed_form_trials=0,
        train_epochs=2,
    )
    task = RankingTask(data, options)
    genotype = Genotype("sif", {"interaction": (("history", "min"),)})
    (found,) = task.train("it", genotype, 1, RunContext())
    ranker = task.ranker(found, data)
    members = [Member(FUNCTION, ranker)]
    return RankingModel("min of history", members, data.encoder, data.train, genotype=genotype)


def test_best_items_of_one_user() -> None:
    found = fitted("item_neighbours", titles=["a", "b", "c", "d", "e"]).recommend("u4", 2)
    assert found["item"].iloc[0] == 20  # the others have score 0
    assert found["title"].iloc[0] == "b"
    assert found["rank"].tolist() == [1, 2]
    assert found["score"].is_monotonic_decreasing
    assert (found["based_on"] == "items").all()


def test_seen_items_are_left_out_unless_asked_for() -> None:
    model = fitted("ease")
    found = model.recommend(n=10)
    for name, lists in found.groupby("user"):
        own = {ITEMS[i] for u, i in PAIRS if USERS[u] == name}
        assert set(lists["item"]) == set(ITEMS) - own
    assert len(model.recommend("u0", 10, exclude_seen=False)) == 5
    model.add_seen(table([("u0", 30), ("u9", 10), ("u0", 99)]))
    assert 30 not in model.recommend("u0")["item"].tolist()


def test_scores_of_pairs_are_those_of_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted("item_neighbours")
    frame = pd.DataFrame({"user": ["u4", "u0", "u4", "u5"], "item": [20, 30, 99, 10]})
    with pytest.warns(UserWarning, match="1 of 4 ids are not known"):
        values = model.predict(frame)
    lists = model.recommend(["u0", "u4"], 5).set_index(["user", "item"])["score"]
    assert values[0] == lists["u4", 20]
    assert values[1] == lists["u0", 30]
    assert values[2] == 0.0  # the lowest score
    assert values[3] == 3.0  # of popularity
    monkeypatch.setattr("sif.models.ranking.BLOCK", 1)
    with pytest.warns(UserWarning):
        assert (model.predict(frame) == values).all()
    with pytest.raises(NaspError, match="no column 'item'"):
        model.predict(frame[["user"]])


def test_cold_users_get_popular_items_and_a_flag() -> None:
    model = fitted("ease")
    found = model.recommend(["u5", "nobody", "u0"], 2)
    assert found["based_on"].tolist() == ["popularity"] * 4 + ["items"] * 2
    assert found["user"].tolist() == ["u5", "u5", "nobody", "nobody", "u0", "u0"]
    for name in ("u5", "nobody"):
        assert found.loc[found["user"] == name, "item"].iloc[0] == 10  # with three users
        assert found.loc[found["user"] == name, "score"].tolist() == [3.0, 2.0]


def test_cold_users_with_features_get_what_such_users_have(tmp_path: Path) -> None:
    """Users 0 and 1, with the items 10 and 20, have feature 0; users 2 and 3 have feature 1."""
    model = fitted("ease")
    of_users = np.array([[30, 0], [30, 0], [0, 30], [0, 30], [0, 0], [0, 30]], np.float32)
    model.cold = FeaturePopularity.fit(model.pairs, sparse.csr_array(of_users))
    model.save(tmp_path / "model.pt")
    for one in (model, RankingModel.load(tmp_path / "model.pt")):
        found = one.recommend(["u5", "nobody", "u2"], 2)
        bases = ["features"] * 2 + ["popularity"] * 2 + ["items"] * 2
        assert found["based_on"].tolist() == bases
        assert set(found["item"][:2]) == {40, 50}
        assert found["item"].tolist()[2] == 10
    metrics = model.evaluate(table([("u5", 40), ("nobody", 10)]))
    assert metrics["cold_users"] == 2.0
    firsts = [model.evaluate(table([("u5", item)]))["mrr"] for item in (40, 50)]
    assert sorted(firsts) == [0.5, 1.0]  # both are equally good
    with pytest.raises(ValueError, match="features score 5 items of 4"):
        FeaturePopularity.from_state(model.cold.state(), (6, 4))


def test_features_score_by_ridge_regression() -> None:
    pairs, random = pairs_of(PAIRS), torch.Generator().manual_seed(0)
    features = torch.randint(2, (6, 3), generator=random).float()
    cold = FeaturePopularity.fit(pairs, sparse.csr_array(features.numpy()))
    rows, known = torch.zeros(6, 5), features[:5]
    rows[pairs.users(), pairs.items] = 1.0
    mean = rows[:5].mean(0)
    weights = torch.linalg.solve(
        known.T @ known + DAMPING * torch.eye(3), known.T @ (rows[:5] - mean)
    )
    torch.testing.assert_close(cold.score(torch.arange(6)), mean + features @ weights)


def test_lists_of_many_users_are_those_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted("implicit_als", "ease")
    together = model.recommend(USERS, 3)
    monkeypatch.setattr("sif.models.ranking.BLOCK", 1)
    apart = pd.concat([model.recommend(user, 3) for user in USERS], ignore_index=True)
    pd.testing.assert_frame_equal(together, apart, check_exact=False, rtol=1e-4)


def test_items_are_folded_in() -> None:
    model = fitted("item_neighbours")
    assert model.fold_in([50], n=1)["item"].tolist() == [40]
    known = model.fold_in([50], user="u4")
    assert set(known["item"]) == {20, 40}
    with pytest.raises(NaspError, match="no id is known"):
        model.fold_in([7])
    with pytest.raises(NaspError, match="knows no user 'u7'"):
        model.fold_in([50], user="u7")


def test_similar_items_and_users() -> None:
    model = fitted("popularity", titles=["a", "b", "c", "d", "e"])
    found = model.similar_items(10)
    assert found["item"].tolist() == [20, 30]
    assert found["title"].tolist() == ["b", "c"]
    np.testing.assert_allclose(found["similarity"], [2 / 6**0.5, 1 / 3**0.5], rtol=1e-6)
    users = model.similar_users("u2")
    assert users["user"].tolist() == ["u3"]
    np.testing.assert_allclose(users["similarity"], [1.0], rtol=1e-6)


def test_evaluation_counts_what_is_unknown() -> None:
    model = fitted("popularity")
    metrics = model.evaluate(table([("u2", 10), ("new", 20), ("u4", 99), ("u4", 20)]))
    # u2 gets 10 first; new gets 10 and then, among items of two users, 20; u4 has 10 already.
    assert metrics["hit_rate_10"] == 1.0
    assert metrics["cold_users"] == 1.0
    assert metrics["unseen_items"] == 1.0
    assert metrics["recall_10"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert metrics["ndcg_10_popularity"] == metrics["ndcg_10"]
    with pytest.raises(NaspError, match="no id is known"):
        model.evaluate(table([("a", 10), ("b", 20)]))


@pytest.mark.parametrize(
    "make", [trained, lambda: fitted(*CLOSED_FORMS, titles=["a", "b", "c", "d", ""])]
)
def test_a_file_holds_the_whole_model(make: Callable[[], RankingModel], tmp_path: Path) -> None:
    model = make()
    model.add_seen(table([("u0", 40)]))
    model.save(tmp_path / "model.pt")
    loaded = load_model(tmp_path / "model.pt")
    assert isinstance(loaded, RankingModel)
    pd.testing.assert_frame_equal(loaded.recommend(n=4), model.recommend(n=4))
    pd.testing.assert_frame_equal(loaded.fold_in([40], n=4), model.fold_in([40], n=4))
    assert loaded.name == model.name
    assert loaded.genotype == model.genotype


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda body: body["members"][0].update(kind="bert"), "ranker 'bert'"),
        (lambda body: body["members"][0].update(weight=0.0), "weight must be a finite number"),
        (lambda body: body["members"][0]["options"].update(neighbours=0), "neighbours is 0"),
        (lambda body: body["members"][0]["tensors"]["items"].fill_(9), "damaged"),
        (lambda body: body["members"][0]["tensors"].pop("starts"), "damaged"),
        (lambda body: body["members"].clear(), "the model has no ranker"),
        (lambda body: body["pairs"].fill_(7), "damaged"),
        (lambda body: body["pairs"].fill_(-1), "damaged"),
        (lambda body: body.update(titles=["a"]), "1 titles for 5 items"),
        (lambda body: body["encoder"]["ids"][1].reverse(), "must be sorted"),
        (lambda body: body.update(more=1), "more is not a known key"),
    ],
)
def test_a_wrong_file_is_refused(
    change: Callable[[Any], Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.pt"
    fitted("item_neighbours").save(path)
    body = load_plain(path, "model")
    body = {k: v for k, v in body.items() if k not in ("format", "version", "sha256", "digest")}
    change(body)
    write_model(path, KIND, body)
    with pytest.raises(NaspError, match=message) as caught:
        load_model(path)
    assert "\n" not in str(caught.value)


def test_mistakes_are_named(tmp_path: Path) -> None:
    model = fitted("popularity")
    with pytest.raises(NaspError, match="n is 0"):
        model.recommend("u0", 0)
    with pytest.raises(NaspError, match="there is no folder"):
        model.save(tmp_path / "nowhere" / "model.pt")
    with pytest.raises(NaspError, match="knows no item 11"):
        model.similar_items(11)
    (tmp_path / "model.pt").write_text("no model")
    with pytest.raises(NaspError, match="not a model file"):
        load_model(tmp_path / "model.pt")


def test_unknown_users_may_have_ids_of_another_type() -> None:
    encoder = Encoder(("user", "item"), (pd.Index(range(6)), pd.Index(ITEMS)))
    model = fitted("popularity")
    model = RankingModel("popularity", model.members, encoder, model.pairs)
    metrics = model.evaluate(table([("u2", 10), ("2", 20), ("2", 10)]))
    assert metrics["cold_users"] == 1.0
    assert model.recommend(["2", "x"], 1)["based_on"].tolist() == ["items", "popularity"]


def test_a_function_of_several_terms_adds_them() -> None:
    generator = torch.Generator().manual_seed(0)
    pairs = pairs_of(PAIRS)
    tensors = {"biases": torch.randn(5, generator=generator), "starts": pairs.starts}
    tensors["items"] = pairs.items
    expected = tensors["biases"].expand(6, 5).clone()
    for number, name in enumerate(("plus", "max")):
        users, items = (torch.randn(n, 2, generator=generator) for n in (6, 5))
        head = torch.randn(2, generator=generator)
        tensors |= {f"users_{number}": users, f"items_{number}": items, f"head_{number}": head}
        join = torch.add if name == "plus" else torch.maximum
        expected += join(users[:, None], items[None]) @ head
    ranker = FunctionRanker(FunctionRanker.Options(("plus", "max")), tensors)
    found = ranker.scorer(pairs)(torch.arange(6))
    torch.testing.assert_close(found, expected)
    assert evaluate_ranking(ranker.scorer(pairs), pairs, pairs_of([(0, 3)]))["ndcg_10"] > 0
