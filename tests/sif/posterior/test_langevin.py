"""Langevin sampling, and averages of networks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from nasp.core.genotype import Genotype
from nasp.runs.checkpoint import Checkpoint
from nasp.runs.context import RunContext
from nasp.search import SearchResult
from sif.data.search_data import SearchData
from sif.evaluation.ratings import evaluate_predictions, predict
from sif.models.rating import InteractionModel, build_network
from sif.nn.space import DECISION
from sif.options import TrainOptions
from sif.posterior.average import NetworkAverage
from sif.posterior.langevin import (
    SAMPLES,
    TEMPERATURE,
    WARM_UP,
    Chain,
    epochs_of,
    sample_langevin,
)
from sif.tasks import rating
from sif.tasks.averages import best_weights
from sif.tasks.rating import RatingTask
from sif.testing import small_data

OPTIONS = TrainOptions(embedding_dim=2, batch_size=16, sweeps=60)
FUNCTION = Genotype("sif", {DECISION: (("graph1", "max"),)})


def sampled(run: RunContext, seed: int = 0) -> tuple[NetworkAverage, list[dict[str, float]]]:
    data = small_data(2)
    average, outcome = sample_langevin(
        "sample",
        FUNCTION,
        data,
        data.graph(),
        OPTIONS,
        epochs=4,
        generator=torch.Generator().manual_seed(seed),
        run=run,
    )
    return average, outcome.history


def chain_of(data: SearchData, batch_size: int = 16) -> Chain:
    generator = torch.Generator().manual_seed(0)
    options = replace(OPTIONS, batch_size=batch_size)
    network = build_network(FUNCTION, data.encoder.sizes, options, generator, data.graph())
    return Chain(network, data, options, generator)


def test_the_prediction_is_the_mean_over_the_samples() -> None:
    average, history = sampled(RunContext())
    training, sampling = epochs_of(history)
    assert 1 <= training <= 4
    assert WARM_UP < sampling <= 6
    rows = small_data(2).valid.rows
    each = torch.stack([predict(n.predictor(), rows) for _, n, _ in average.members()])
    best = min(history[training + WARM_UP :], key=lambda metrics: metrics["valid/rmse"])
    assert len(each) == best[SAMPLES]
    tables = [torch.cat(network.encodings()) for _, network, _ in average.members()]
    torch.testing.assert_close(torch.cat(average.encodings()), torch.stack(tables).mean(0))
    mean, deviation = average.predictor()(rows)
    torch.testing.assert_close(mean, each.mean(0))
    torch.testing.assert_close(deviation, each.std(0, correction=0), atol=1e-4, rtol=1e-3)
    assert len({tuple(one.tolist()) for one in each}) == len(each), "samples differ"
    data = small_data(2)
    assert evaluate_predictions(mean, data.valid, data.scale)["rmse"] == pytest.approx(
        best["valid/rmse"], rel=1e-5
    )


def test_samples_have_the_spread_of_the_tempered_prior_where_there_are_no_ratings() -> None:
    chain = chain_of(small_data(2))
    table, prior = chain._table, chain._prior
    drawn = []
    for step in range(3000):
        chain._move(torch.zeros_like(table), prior)
        if step > 500:
            drawn.append(table.detach().clone())
    spread = torch.stack(drawn).square().mean(0) * prior
    assert float(spread.mean()) == pytest.approx(TEMPERATURE, rel=0.1)


def test_the_curvature_of_a_bias_is_its_number_of_ratings_over_the_noise() -> None:
    data = small_data(2)
    chain = chain_of(data, batch_size=1)
    counts = torch.bincount(data.train.rows.flatten(), minlength=len(chain._table))
    found = (chain._curvature() - chain._prior)[:, -1]
    assert float(found.sum()) == pytest.approx(float(counts.sum()) / chain._noise, rel=1e-3)


def test_a_stopped_chain_goes_on_to_the_same_samples(tmp_path: Path) -> None:
    whole, history = sampled(RunContext())

    class Stop(Exception):
        pass

    def log(metrics: dict[str, float], step: int) -> None:
        if metrics.get(SAMPLES) == 2:
            raise Stop

    def checkpoint() -> Checkpoint:
        return Checkpoint(tmp_path, {}, resume=True)

    with pytest.raises(Stop):
        sampled(RunContext(checkpoint(), log=log))
    resumed, again = sampled(RunContext(checkpoint()), seed=5)
    assert [m["valid/rmse"] for m in again] == [m["valid/rmse"] for m in history]
    pairs = zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_a_function_that_is_not_multilinear_is_sampled_saved_and_refitted(tmp_path: Path) -> None:
    data = small_data(2)
    task = RatingTask(data, OPTIONS, epochs=3)
    assert list(task.refinable([(FUNCTION, 1.0)])) == [FUNCTION]
    (trained,) = task.refine("it", FUNCTION, 1, RunContext())
    (refitted,) = task.refit([trained], 1, RunContext())
    assert epochs_of(refitted.history) == epochs_of(trained.history[: trained.epoch + 1])
    found = SearchResult(FUNCTION, trained.metrics, {}, {}, [trained], [refitted])
    frame = pd.DataFrame({"user": data.encoder.ids[0][[0, 1]], "item": data.encoder.ids[1][[2, 0]]})
    for model in (task.model(found), task.refitted_model(found)):
        assert model is not None
        assert isinstance(model.network, NetworkAverage)
        mean, deviation = model.predict(frame, return_std=True)
        assert (deviation > 0).all()
        model.save(tmp_path / "model.pt")
        again = InteractionModel.load(tmp_path / "model.pt")
        assert (again.predict(frame) == mean).all()
        assert again.size() == model.size()


def test_an_average_of_models_predicts_their_weighted_mean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = small_data(2)
    task = RatingTask(data, replace(OPTIONS, average=3), epochs=3)
    assert task.kept == 3
    product = Genotype("sif", {DECISION: (("id", "multiply"),)})
    best = [
        *task.refine("a", product, 1, RunContext()),
        *task.train("b", FUNCTION, 1, RunContext()),
    ]
    best += task.train("c", Genotype("sif", {DECISION: (("history", "max"),)}), 1, RunContext())
    asked = []

    def weights_of(predictions: dict[str, torch.Tensor], value: Any, gain: float) -> dict[str, int]:
        asked.append([value(found) for found in predictions.values()])
        return {best[0].name: 2, best[2].name: 1}

    monkeypatch.setattr(rating, "best_weights", weights_of)
    members = task.members(best)
    assert [(one.name, weight) for one, weight in members] == [
        (best[0].name, 2),
        (best[2].name, 1),
    ]
    assert asked[0] == pytest.approx([-one.metrics["valid/rmse"] for one in best], rel=1e-5)
    refitted = task.refit(best, 1, RunContext())
    assert [one.name for one in refitted] == [f"{one.name}, refitted" for one, _ in members]
    found = SearchResult(product, best[0].metrics, {}, {}, best, refitted)
    assert task.title(found) == f"average of 2 × ({best[0].name}) and 1 × ({best[2].name})"
    model, again = task.model(found), task.refitted_model(found)
    each = [task._model([(one, 1)]).rate(data.valid) for one, _ in members]
    torch.testing.assert_close(model.rate(data.valid), (2 * each[0] + each[1]) / 3)
    frame = pd.DataFrame({"user": data.encoder.ids[0][[0, 1]], "item": data.encoder.ids[1][[2, 0]]})
    for one in (model, again):
        assert one is not None
        one.save(tmp_path / "model.pt")
        assert (
            InteractionModel.load(tmp_path / "model.pt").predict(frame) == one.predict(frame)
        ).all()
    assert len(asked) == 1, "weights are chosen once"


def test_weights_are_those_of_the_best_mean() -> None:
    truth = torch.tensor([1.0, -1.0, 2.0, 0.0])
    error = torch.tensor([0.5, -0.4, 0.3, 0.2])
    parts = {"over": truth + error, "under": truth - 2 * error, "far": truth + 5}

    def value(mean: torch.Tensor) -> float:
        return -float((mean - truth).square().mean().sqrt())

    assert best_weights(parts, value, 0.001) == {"over": 2, "under": 1}
    assert best_weights({"over": parts["over"]}, value, 0.001) == {"over": 1}


def test_models_that_gain_only_together_are_found() -> None:
    parts = {"best": [3.0, 0.0, 0.0], "left": [0.0, 4.5, 0.0], "right": [0.0, 0.0, 4.5]}
    values = {(1, 0, 0): 1.0, (1, 1, 0): 0.9, (1, 1, 1): 1.2}

    def value(mean: torch.Tensor) -> float:
        return values.get(tuple((mean > 0).int().tolist()), 0.5)

    predictions = {name: torch.tensor(part) for name, part in parts.items()}
    start = predictions["best"]
    assert value(start) > value((start + predictions["left"]) / 2)
    assert best_weights(predictions, value, 0.001) == {"best": 1, "left": 1, "right": 1}
    assert best_weights(predictions, value, 0.3) == {"best": 1}
