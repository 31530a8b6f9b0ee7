"""The posterior of a genotype, its average, and the model that it is saved as."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from nasp.core.genotype import Genotype
from nasp.errors import NaspError
from nasp.runs.checkpoint import Checkpoint
from nasp.runs.context import RunContext
from nasp.search import run_search, train
from sif.evaluation.ratings import evaluate_predictions
from sif.models.rating import InteractionModel, averaged_network
from sif.nn.space import DECISION
from sif.options import SearchOptions, TrainOptions
from sif.posterior import sampling
from sif.posterior.model import BLOCK, PosteriorAverage
from sif.posterior.sampling import can_be_sampled, sample_posterior
from sif.tasks.rating import SAMPLED, RatingTask
from sif.testing import small_data

OPTIONS = TrainOptions(
    embedding_dim=2, encoders=("id", "history"), elementwise=False, batch_size=16, sweeps=25
)


def genotype(*terms: tuple[str, str]) -> Genotype:
    return Genotype("sif", {DECISION: terms})


PRODUCT = genotype(("history", "multiply"))


def test_products_and_sums_can_be_sampled() -> None:
    assert can_be_sampled(PRODUCT, 2)
    assert can_be_sampled(genotype(("id", "multiply"), ("history", "multiply")), 2)
    assert can_be_sampled(genotype(("id", "multiply(plus(user,item),context)")), 3)
    assert not can_be_sampled(genotype(("id", "max")), 2)
    assert not can_be_sampled(genotype(("id", "multiply(max(user,item),context)")), 3)
    assert not can_be_sampled(genotype(("graph1", "multiply")), 2)
    assert not can_be_sampled(genotype(("id", "plus")), 2), "biases alone need no samples"
    assert not can_be_sampled(replace(PRODUCT, continuous={"inner": [1.0]}), 2)


def sampled(
    entities: int, found: Genotype, run: RunContext, seed: int = 0
) -> tuple[PosteriorAverage, list[float]]:
    data = small_data(entities)
    average, outcome = sample_posterior(
        "sample",
        found,
        data,
        data.graph(),
        OPTIONS,
        generator=torch.Generator().manual_seed(seed),
        run=run,
    )
    return average, [metrics["valid/rmse"] for metrics in outcome.history]


@pytest.mark.parametrize(
    ("entities", "terms"),
    [
        (2, (("history", "multiply"),)),
        (2, (("id", "multiply"), ("history", "multiply"))),
        (3, (("history", "multiply(plus(user,item),context)"),)),
    ],
)
def test_the_prediction_is_the_mean_over_the_samples(
    entities: int, terms: tuple[tuple[str, str], ...]
) -> None:
    average, _ = sampled(entities, genotype(*terms), RunContext())
    data = small_data(entities)
    mean, deviation = average(data.valid.rows)
    samples = list(average.state_dict().values())
    assert len(samples) == entities * len(terms)
    each = []
    for sample in zip(*samples, strict=True):
        one = PosteriorAverage(terms, data.encoder.sizes, [values[None] for values in sample])
        prediction, none = one(data.valid.rows)
        assert float(none.max()) == 0.0
        each.append(prediction)
    torch.testing.assert_close(mean, torch.stack(each).mean(0))
    torch.testing.assert_close(
        deviation, torch.stack(each).std(0, correction=0), atol=1e-4, rtol=1e-3
    )
    assert float(deviation.min()) > 0


def test_a_stopped_chain_goes_on_to_the_same_samples(tmp_path: Path) -> None:
    whole, rmse = sampled(2, PRODUCT, RunContext())
    assert len(rmse) == 3  # of ten sweeps each, the last of five

    class Stop(Exception):
        pass

    def log(metrics: object, step: int) -> None:
        if step == 1:
            raise Stop

    def checkpoint() -> Checkpoint:
        return Checkpoint(tmp_path, {}, resume=True)

    with pytest.raises(Stop):
        sampled(2, PRODUCT, RunContext(checkpoint(), log=log))
    resumed, again = sampled(2, PRODUCT, RunContext(checkpoint()), seed=5)
    assert again == rmse
    for one, other in zip(whole.buffers(), resumed.buffers(), strict=True):
        assert torch.equal(one, other)


def test_samples_after_the_best_epoch_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "SWEEPS", 3)
    monkeypatch.setattr(sampling, "PATIENCE", 2)
    data = small_data(2)
    average, outcome = sample_posterior(
        "sample",
        PRODUCT,
        data,
        data.graph(),
        replace(OPTIONS, sweeps=60),
        generator=torch.Generator().manual_seed(0),
        run=RunContext(),
    )
    rmse = [metrics["valid/rmse"] for metrics in outcome.history]
    assert outcome.best_epoch == rmse.index(min(rmse)) == len(rmse) - 1 - 2
    warm_up = round(sampling.WARM_UP * 60)
    (count,) = {len(samples) for samples in average.buffers()}
    assert count == max(1, 3 * (outcome.best_epoch + 1) - warm_up)
    predicted, _ = average(data.valid.rows)
    found = evaluate_predictions(predicted, data.valid, data.scale)["rmse"]
    assert found == pytest.approx(min(rmse), rel=1e-5)


def test_a_search_trains_and_samples_its_finalists_and_keeps_the_better() -> None:
    options = SearchOptions(
        **vars(OPTIONS), epochs=2, warm_up=0, restarts=2, finalists=5, train_epochs=3
    )
    task = RatingTask(small_data(2), replace(options, strategy="exhaustive", trials=10))
    found = run_search(task, 1, RunContext())
    alone = {
        name: min(epoch["valid/rmse"] for epoch in history)
        for name, history in found.trainings.items()
        if name.startswith("multiply") and not name.endswith(", posterior")
    }
    best = min(alone, key=alone.__getitem__)
    posteriors = {name for name in found.trainings if name.endswith(", posterior")}
    assert f"{best}, posterior" in posteriors
    able = {name for name in posteriors if name.startswith("multiply")}
    assert len(able) <= SAMPLED
    assert len(posteriors - able) <= 1, "the best of all, if it is far better than these"
    assert len(found.trainings) == 10 + 1 + len(posteriors)  # the biases compete, too


def test_a_sampled_model_is_saved_and_read_and_knows_its_uncertainty(tmp_path: Path) -> None:
    data = small_data(2)
    found = train(RatingTask(data, OPTIONS, epochs=2), "file", PRODUCT, 1, RunContext())
    task = RatingTask(data, OPTIONS, epochs=2)
    (posterior,) = task.refine("file", PRODUCT, 1, RunContext())
    assert posterior.name in found.trainings
    model = task.model(replace(found, best=[posterior]))
    frame = pd.DataFrame({"user": data.encoder.ids[0][[0, 1]], "item": data.encoder.ids[1][[2, 0]]})
    mean, deviation = model.predict(frame, return_std=True)
    assert (deviation > 0).all()
    assert (model.predict(frame) == mean).all()
    model.save(tmp_path / "model.pt")
    again = InteractionModel.load(tmp_path / "model.pt")
    assert (again.predict(frame) == mean).all()
    assert len(again.recommend(frame["user"][0], 2)) == 2


def test_damaged_samples_are_refused() -> None:
    data = small_data(2)
    average, _ = sampled(2, PRODUCT, RunContext())
    state, sizes = average.state_dict(), data.encoder.sizes
    first = BLOCK.format(0)
    for broken, message in (
        ({**state, first: state[first][:, 1:]}, "do not have the shapes"),
        ({first: state[first]}, "do not have the shapes"),
        ({**state, first: state[first][:0]}, "do not have the shapes"),
        ({**state, first: state[first] * torch.inf}, "not finite"),
    ):
        with pytest.raises(NaspError, match=message):
            averaged_network(PRODUCT, sizes, OPTIONS, broken, "model.pt")
    with pytest.raises(NaspError, match="has no samples"):
        averaged_network(genotype(("id", "max")), sizes, OPTIONS, state, "model.pt")
