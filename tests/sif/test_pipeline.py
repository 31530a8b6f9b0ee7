"""Searches find planted functions, repeat by their seed, and never see test ratings."""

from collections import Counter
from dataclasses import replace

import pytest
import torch
from sif.pipeline import Found, find, settle

from nasp.runs.checkpoint import Checkpoint
from nasp.runs.context import Run
from nasp.samplers import SAMPLERS
from nasp.samplers.tpe import RANGE
from nasp.strategies import ONE_SHOT
from sif.data import Splits, Synthetic, split, synthetic
from sif.data.evaluation import errors
from sif.data.search_data import Data
from sif.nn.operations import OPERATIONS
from sif.options import SearchOptions, TrainOptions

SMALL = SearchOptions(embedding_dim=2, epochs=4, warm_up=1, restarts=2, trials=3, train_epochs=4)


def planted(operation: str = "multiply", seed: int = 0, ratings: int = 3000) -> Splits:
    options = Synthetic(operation=operation, users=150, items=100, ratings=ratings, noise=0.3)
    return split(synthetic(options, seed=seed), seed=seed)


def data_of(parts: Splits) -> Data:
    return Data.of(parts.train, parts.valid)


def facts(found: Found) -> tuple:
    history = [
        [{k: v for k, v in m.items() if not k.startswith("time/")} for m in c.history]
        for c in found.candidates
    ]
    return found.model.genotype, [c.valid_rmse for c in found.candidates], history


@pytest.mark.parametrize("strategy", [*ONE_SHOT, *SAMPLERS])
def test_same_seed_same_result(strategy: str) -> None:
    data, options = data_of(planted()), replace(SMALL, strategy=strategy)
    first = find(data, options, 1, Run())
    assert facts(first) == facts(find(data, options, 1, Run()))
    assert facts(first) != facts(find(data, options, 2, Run()))


def test_candidates_are_trained_both_ways_and_ranked_by_validation() -> None:
    found = find(data_of(planted()), SMALL, 1, Run())
    ranked = [c.valid_rmse for c in found.candidates]
    assert ranked == sorted(ranked)
    assert {c.frozen for c in found.candidates} == {True, False}
    assert [c.origin for c in found.candidates].count("search 2") == 2
    for candidate in found.candidates:
        mlps = candidate.network.transform.state_dict()
        same = all(
            torch.equal(mlps[name], torch.tensor(value))
            for name, value in candidate.genotype.continuous.items()
        )
        assert same == candidate.frozen


def test_a_random_search_tries_as_many_as_asked() -> None:
    options = replace(SMALL, strategy="random", trials=5, train_epochs=2)
    found = find(data_of(planted()), options, 1, Run())
    assert len(found.candidates) == 10
    assert found.searches == []


@pytest.mark.parametrize("strategy", SAMPLERS)
def test_interrupted_trials_go_on_to_the_same_end(strategy: str) -> None:
    data, checkpoint = data_of(planted()), Checkpoint()
    whole = replace(SMALL, strategy=strategy, trials=12, train_epochs=1)
    find(data, replace(whole, trials=9), 1, Run(checkpoint))  # as far as it came
    assert facts(find(data, whole, 1, Run(checkpoint))) == facts(find(data, whole, 1, Run()))


def test_exhaustive_trials_are_all_operations_with_fresh_mlps() -> None:
    options = replace(SMALL, strategy="exhaustive", trials=10, train_epochs=1)
    found = find(data_of(planted()), options, 1, Run())
    assert {c.operation for c in found.candidates} == set(OPERATIONS)
    assert Counter(c.operation for c in found.candidates) == dict.fromkeys(OPERATIONS, 4)
    assert len({c.genotype.to_json() for c in found.candidates}) == 10


def test_offsets_are_deviations_from_one_start() -> None:
    options = replace(SMALL, strategy="tpe", trials=6, train_epochs=1)
    found = find(data_of(planted()), options, 1, Run())
    mlps = torch.stack(
        [
            torch.cat([torch.tensor(v).flatten() for v in c.genotype.continuous.values()])
            for c in found.candidates
            if c.frozen
        ]
    )
    assert mlps.shape == (6, 50)  # two MLPs of 8 + 8 + 8 + 1 numbers
    apart = mlps.amax(0) - mlps.amin(0)
    assert apart.min() > 0
    assert apart.max() <= 2 * RANGE + 1e-6


def test_three_entities_are_searched_by_the_same_code() -> None:
    frame = synthetic(Synthetic(users=40, items=30, ratings=900), seed=0)
    frame.insert(2, "daytime", ["morning", "noon", "night"] * 300)
    parts = split(frame, seed=0)
    found = find(data_of(parts), SMALL, 1, Run())
    assert found.model.encoder.columns == ("user", "item", "daytime")
    assert len(found.model.predict(parts.test.frame())) == len(parts.test)


@pytest.mark.parametrize("operation", ["plus", "multiply"])
def test_the_planted_function_is_found(operation: str) -> None:
    parts = planted(operation, seed=3, ratings=8000)
    data, options = data_of(parts), SearchOptions()
    test = data.judge(parts.test)

    def rmse(found: Found) -> float:
        return errors(found.model.rate(test), test, data.scale)["rmse"]

    one = replace(options, restarts=1, finalists=1)
    truth = rmse(find(data, one, 1, Run(), (operation,)))
    assert (
        rmse(find(data, options, 1, Run())) <= 1.02 * truth
    )  # few ratings: benchmarks/planted.py has the figures


def test_a_finished_run_comes_back_from_its_checkpoint() -> None:
    data, checkpoint = data_of(planted()), Checkpoint()
    first = find(data, SMALL, 1, Run(checkpoint))
    again = find(data, SMALL, 1, Run(checkpoint))
    assert facts(again) == facts(first)
    assert again.candidates[0].history == first.candidates[0].history  # times too: not run again


def test_settling_on_a_genotype_trains_that_one() -> None:
    data = data_of(planted())
    genotype = find(data, SMALL, 1, Run()).model.genotype
    found = settle({"file": genotype}, data, TrainOptions(embedding_dim=2), 3, 5, Run())
    assert found.model.genotype == genotype
    assert [len(c.history) for c in found.candidates] == [3, 3]
