"""Searches for functions that rank: batches, scores, determinism, and what they find."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch

from nasp.core.genotype import Genotype
from nasp.errors import NaspError
from nasp.runs.context import RunContext
from nasp.search import run_search
from sif.closed_forms import CLOSED_FORMS
from sif.data import Splits, Table, split_ratings
from sif.data import ranking_data as ranking_module
from sif.data.ranking_data import RankingData
from sif.data.side_table import read_side_table
from sif.data.task_data import Sides
from sif.evaluation.ranking import evaluate_ranking
from sif.models.function_ranker import FunctionRanker
from sif.nn.ranking_space import RankingBatch
from sif.options import RANKING_OBJECTIVES, SearchOptions
from sif.tasks.ranking import RankingTask
from sif.zoo import ZOO

SMALL = SearchOptions(
    embedding_dim=4,
    encoders=("id", "history", "graph1"),
    elementwise=False,
    objective="sampled_softmax",
    learning_rate=0.2,
    penalty="squared",
    weight_decay=0.001,
    batch_size=32,
    epochs=3,
    warm_up=1,
    restarts=2,
    finalists=2,
    trials=2,
    train_epochs=6,
    known=("svdpp_shared",),
    closed_form_trials=0,
)


def tastes() -> Splits:
    """Pairs of 60 users, who like even or odd items; 20 % of each user's are for test."""
    generator = torch.Generator().manual_seed(0)
    rows = [
        (user, user % 2 + 2 * int(item))
        for user in range(60)
        for item in torch.randperm(20, generator=generator)[:10]
    ]
    frame = pd.DataFrame(rows, columns=["user", "item"]).assign(rating=1.0)
    return split_ratings(frame, by="user", fractions=(0.6, 0.2, 0.2), seed=1)


def encoded() -> RankingData:
    parts = tastes()
    return RankingData.from_splits(parts.train, parts.valid)


def test_batches_hold_each_pair_once_and_know_what_users_have() -> None:
    data = encoded()
    generator = torch.Generator().manual_seed(0)
    batches = list(data.batches(100, 30, generator))
    rows = torch.cat([batch.rows for batch in batches], dim=1)
    expected = torch.stack([data.train.users(), data.train.items + 60])
    assert sorted(rows.T.tolist()) == sorted(expected.T.tolist())
    for batch in batches:
        assert batch.rated
        assert len(batch.negatives.unique()) == len(batch.negatives) == 30
        has = {(int(u), int(i)) for u, i in expected.T}
        for pair, row in enumerate(batch.known):
            user = int(batch.rows[0, pair])
            assert row.tolist() == [(user, int(item)) in has for item in batch.negatives]


def test_validation_batches_mask_training_items_too() -> None:
    data = encoded()
    (batch,) = data.batches(50, 40, torch.Generator(), steps=1, valid=True)
    assert not batch.rated
    known = data.known()
    assert torch.equal(batch.known.sum(1), known.counts()[batch.rows[0]])


def test_known_negatives_do_not_count() -> None:
    """For each objective: scores of known items change nothing."""
    data = encoded()
    for objective in RANKING_OBJECTIVES:
        task = RankingTask(data, replace(SMALL, objective=objective))
        batch = next(iter(data.batches(8, 10, torch.Generator())))
        assert batch.known.any()
        positive, looked_up = torch.randn(8), torch.zeros(2, 8, 4)
        negative = torch.randn(8, 10)
        loud = negative.masked_fill(batch.known, 1e6)
        first, second = (task.loss((positive, n, looked_up), batch) for n in (negative, loud))
        assert torch.equal(first, second), objective


def test_the_softmax_over_all_items_is_the_exact_one() -> None:
    positive, negative = torch.randn(3), torch.randn(3, 5)
    logits = torch.cat([positive[:, None], negative], dim=1)
    found = RANKING_OBJECTIVES["sampled_softmax"](positive, negative, 1.0)
    torch.testing.assert_close(found, -logits.log_softmax(1)[:, 0].mean())


@pytest.mark.parametrize("encoder", ["id", "history", "graph1"])
@pytest.mark.parametrize("elementwise", [False, True])
def test_scores_of_the_catalogue_are_those_of_pairs(encoder: str, elementwise: bool) -> None:
    data = encoded()
    task = RankingTask(data, replace(SMALL, elementwise=elementwise))
    space = task.space(torch.Generator().manual_seed(0), dense=False)
    genotype = space.genotype({"interaction": ((encoder, "max"),)})
    network = task.network(genotype, data, torch.Generator().manual_seed(1))
    scores = FunctionRanker.of(network, data.train).scorer(data.train)(torch.arange(60))
    every = torch.cartesian_prod(torch.arange(60), torch.arange(40)).T
    rows = every + torch.tensor([[0], [60]])
    with torch.no_grad():
        pairs = network.rate(rows)[0].view(60, 40)
    pairs = pairs - (network.embeddings.table[:60, -1:] + network.embeddings.bias).detach()
    torch.testing.assert_close(scores, pairs, atol=1e-5, rtol=1e-5)


def test_a_training_pair_is_not_in_its_own_history() -> None:
    """The scores of a batch are those of a graph without the pair, for its negatives, too."""
    data = encoded()
    options = replace(SMALL, biases=False)
    task = RankingTask(data, options)
    genotype = Genotype("sif", {"interaction": (("history", "multiply"),)})
    network = task.network(genotype, data, torch.Generator().manual_seed(1))
    batch = next(iter(data.batches(3, 7, torch.Generator())))
    positive, negative, _ = network(batch)
    user, item = batch.rows
    table, (head,) = network.embeddings.table, network.heads
    for pair in range(3):
        own, of_item = user[pair], item[pair]
        items = data.train.items[data.train.users() == own] + 60
        users = data.train.users()[data.train.items + 60 == of_item]
        share, item_share = len(items) ** -0.5, len(users) ** -0.5
        left_user = table[own] + share * table[items[items != of_item]].sum(0)
        left_item = table[of_item] + item_share * table[users[users != own]].sum(0)
        torch.testing.assert_close(positive[pair], (left_user * left_item) @ head)
        whole = network.encode()["history"][batch.negatives]
        torch.testing.assert_close(negative[pair], (left_user * whole) @ head)


def facts(found: Any) -> tuple[Any, ...]:
    state = {name: value.tolist() for name, value in found.trained.state.items()}
    return found.genotype, found.metrics["valid/ndcg_10"], state


def test_searches_start_where_users_have_lists_of_their_own() -> None:
    task, found = RankingTask(encoded(), SMALL), []
    space = task.space(torch.Generator().manual_seed(0), dense=False)
    recorder: Any = SimpleNamespace(space=space, start_from=found.append)
    for restart in range(4):
        task.choose_start(recorder, restart, 1)
    functions = [choices["interaction"][0][1] for choices in found]
    assert functions == ["multiply", "max", "min", "multiply"]


@pytest.mark.parametrize("strategy", ["nasp", "random"])
def test_the_same_seed_finds_the_same(strategy: str) -> None:
    task = RankingTask(encoded(), replace(SMALL, strategy=strategy))
    first = run_search(task, 1, RunContext())
    assert facts(first) == facts(run_search(task, 1, RunContext()))
    assert facts(first) != facts(run_search(task, 2, RunContext()))


@pytest.mark.parametrize("objective", RANKING_OBJECTIVES)
def test_a_search_ranks_better_than_popularity(objective: str) -> None:
    data = encoded()
    task = RankingTask(data, replace(SMALL, objective=objective))
    found = run_search(task, 1, RunContext())
    popularity = CLOSED_FORMS["popularity"].fit(data.train, None, torch.Generator())
    trivial = evaluate_ranking(popularity.scorer(data.train), data.train, data.valid)
    assert found.metrics["valid/ndcg_10"] > trivial["ndcg_10"] + 0.1


def test_averaged_weights_are_those_of_the_result() -> None:
    data, results = encoded(), []
    genotype = Genotype("sif", {"interaction": (("id", "multiply"),)})
    for averaging in (0.0, 2.0):
        task = RankingTask(data, replace(SMALL, averaging=averaging))
        (trained,) = task.train("it", genotype, 1, RunContext())
        found = evaluate_ranking(
            task.ranker(trained, data).scorer(data.train), data.train, data.valid
        )
        assert found["ndcg_10"] == trained.metrics["valid/ndcg_10"]
        results.append(trained.history[0])
    plain, averaged = results
    assert plain["train/loss"] == averaged["train/loss"]
    assert plain["valid/ndcg_10"] != averaged["valid/ndcg_10"]


def test_a_refit_has_all_pairs_and_the_chosen_number_of_epochs() -> None:
    data = encoded()
    task = RankingTask(data, SMALL)
    genotype = Genotype("sif", {"interaction": (("history", "multiply"),)})
    (trained,) = task.train("it", genotype, 1, RunContext())
    (again,) = task.refit([trained], 1, RunContext())
    assert len(again.history) == trained.epoch + 1
    assert again.epoch == trained.epoch
    test = torch.arange(60)
    ranker = task.ranker(again, data.for_refit())
    assert len(ranker.tensors["items"]) == len(data.known().items)
    assert ranker.scorer(data.known())(test).isfinite().all()


def test_new_lists_are_scored_like_their_nearest_users() -> None:
    """A list that is that of a known user has the user's taste, and no list has the biases."""
    data = encoded()
    task = RankingTask(data, replace(SMALL, train_epochs=15))
    genotype = Genotype("sif", {"interaction": (("id", "multiply"),)})
    (trained,) = task.train("it", genotype, 1, RunContext())
    ranker = task.ranker(trained, data)
    scores = ranker.score_lists(data.train.take(torch.arange(60)))
    found = evaluate_ranking(lambda users: scores[users], data.train, data.valid)
    assert found["ndcg_10"] > 0.8 * trained.metrics["valid/ndcg_10"]
    nothing = data.valid.without(data.valid).take(torch.arange(1))
    assert ranker.score_lists(nothing).isfinite().all()


def test_judges_are_drawn_where_there_are_many_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking_module, "JUDGED_SCORES", 40 * 25)
    data = encoded()
    judges = data.judged.counts() > 0
    assert int(judges.sum()) == 25
    assert torch.equal(data.judged.counts()[judges], data.valid.counts()[judges])


def test_known_models_compete_if_the_search_has_their_encoders() -> None:
    task = RankingTask(encoded(), replace(SMALL, known=("svdpp_shared", "lightgcn")))
    assert task.known() == {"svdpp_shared": ZOO["svdpp_shared"]}
    alone = RankingTask(encoded(), replace(SMALL, encoders=("id",)))
    (trained,) = alone.train("lightgcn", ZOO["lightgcn"], 1, RunContext())
    assert trained.name == "lightgcn"


def test_mistakes_are_named() -> None:
    data, parts = encoded(), tastes()
    with pytest.raises(NaspError, match="objective of the task ranking: 'squared_error'"):
        RankingTask(data, replace(SMALL, objective="squared_error"))
    with pytest.raises(NaspError, match="all validation pairs are in training"):
        RankingData.from_splits(parts.train, parts.train)
    frame = pd.DataFrame({"user": [1], "item": [2], "mood": ["x"], "rating": [1.0]})
    table = Table.from_frame(frame[["user", "item", "rating", "mood"]])
    with pytest.raises(NaspError, match="for users and items, and there is 'mood'"):
        RankingData.from_splits(table, table)


def test_a_batch_has_no_more_negatives_than_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking_module, "PAIR_SCORES", 100)
    batch: RankingBatch = next(iter(encoded().batches(20, 30, torch.Generator())))
    assert len(batch.negatives) == 5


@pytest.fixture
def with_sides(tmp_path: Path) -> RankingData:
    """The tastes of `tastes`, which are a feature; item 40 and user 60 have no pairs."""
    for role, count in (("user", 61), ("item", 41)):
        taste = [("even", "odd")[n % 2] for n in range(count)]
        frame = pd.DataFrame({role: range(count), "taste": taste})
        frame.to_csv(tmp_path / f"{role}.csv", index=False)
    users, items = (read_side_table(tmp_path / f"{role}.csv", role) for role in ("user", "item"))
    parts = tastes()
    return RankingData.from_splits(parts.train, parts.valid, sides=Sides((users, items)))


def test_users_and_items_of_side_tables_are_known(with_sides: RankingData) -> None:
    assert with_sides.shape == (61, 41)
    assert int(with_sides.train.counts()[60]) == int(with_sides.train.popularity()[40]) == 0
    matrix = with_sides.feature_matrix()
    assert matrix is not None
    assert matrix.shape == (61 + 41, 2 + 2)
    (batch,) = with_sides.batches(400, 100, torch.Generator())
    assert 61 + 40 not in batch.negatives.tolist()
    assert batch.catalogue == len(batch.negatives) == 40


@pytest.mark.parametrize("encoder", ["id", "history"])
def test_features_tell_what_users_and_items_without_pairs_are(
    with_sides: RankingData, encoder: str
) -> None:
    task = RankingTask(with_sides, replace(SMALL, train_epochs=15, weight_decay=0.01))
    genotype = Genotype("sif", {"interaction": ((encoder, "multiply"),)})
    (trained,) = task.train("it", genotype, 1, RunContext())
    scores = task.ranker(trained, with_sides).scorer(with_sides.train)(torch.arange(61))
    even, odd = scores[60, 0::2].mean(), scores[60, 1::2].mean()
    assert even > odd
    assert scores[0::2, 40].mean() > scores[1::2, 40].mean()


def test_bins_of_times_are_refused() -> None:
    parts = tastes()
    with pytest.raises(NaspError, match="rankings do not use time_bins"):
        RankingData.from_splits(parts.train, parts.valid, sides=Sides(time_bins=3))
