"""Training: the optimiser, and the epoch whose weights are kept."""

from dataclasses import replace

import pytest
import torch

from nasp.runs.context import RunContext
from nasp.training.loop import PhaseResult
from sif.baselines.fit import train_baseline
from sif.evaluation.ratings import evaluate_predictions, predict
from sif.fit import adagrad
from sif.nn.rating_model import RatingModel
from sif.nn.space import DECISION, InteractionSpace
from sif.options import TrainOptions
from sif.rating_fit import train_alone
from sif.testing import small_data


def test_one_kernel_on_the_cpu_and_a_step_on_every_device() -> None:
    for device in ("cpu", "meta"):  # as on CUDA, torch has no fused kernel for meta tensors
        parameter = torch.nn.Parameter(torch.ones(3, device=device))
        optimizer = adagrad([{"params": [parameter]}], TrainOptions())
        parameter.grad = torch.ones(3, device=device)
        optimizer.step()
        assert optimizer.defaults["fused"] is (device == "cpu")


# So that the model overfits the training ratings.
LONG = TrainOptions(embedding_dim=4, weight_decay=0.0, learning_rate=0.3, batch_size=16)


def trained(kind: str, epochs: int, patience: int) -> tuple[RatingModel, PhaseResult]:
    data, generator = small_data(2), torch.Generator().manual_seed(0)
    options = replace(LONG, patience=patience)
    if kind == "baseline":
        return train_baseline(
            "fm", data, options, epochs=epochs, generator=generator, run=RunContext()
        )
    space = InteractionSpace(data.encoder.sizes, options, generator)
    genotype = space.genotype({DECISION: (("id", "multiply"),)})
    return train_alone(
        "train",
        genotype,
        data,
        None,
        options,
        epochs=epochs,
        generator=generator,
        run=RunContext(),
    )


@pytest.mark.parametrize("kind", ["baseline", "genotype"])
def test_a_model_ends_with_the_weights_of_its_best_epoch(kind: str) -> None:
    model, outcome = trained(kind, epochs=25, patience=25)
    rmse = [metrics["valid/rmse"] for metrics in outcome.history]
    best = rmse.index(min(rmse))
    assert outcome.best_epoch == best
    assert len(rmse) == 25
    assert 0 < best < 24, "the epoch must be told from the first and the last one"
    data = small_data(2)
    found = evaluate_predictions(predict(model.rate, data.valid.rows), data.valid, data.scale)
    assert found["rmse"] == rmse[best]
    stopped, _ = trained(kind, epochs=best + 1, patience=25)
    state = model.state_dict()
    assert all(torch.equal(state[key], value) for key, value in stopped.state_dict().items())
    _, impatient = trained(kind, epochs=25, patience=2)
    ends = next(i for i in range(25) if i - rmse.index(min(rmse[: i + 1])) == 2)
    assert [metrics["valid/rmse"] for metrics in impatient.history] == rmse[: ends + 1]
    assert impatient.best_epoch == ends - 2
