"""Stand-alone training of models of clicks."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from nasp.core.genotype import Genotype
from nasp.metric import Metrics
from nasp.runs.context import RunContext
from nasp.training.loop import PhaseResult
from nasp.training.optimization import Adam
from sif.data.click_data import ClickData
from sif.evaluation.clicks import AUC, evaluate_clicks
from sif.fit import adagrad, fit, moving_average
from sif.models.click import build_network, predict_logits
from sif.nn.field_model import ClickBatch, FieldModel
from sif.nn.fields import FieldSpace
from sif.objectives import rating_loss
from sif.options import TrainOptions


def optimizer_of(weights: Iterable[nn.Parameter], options: TrainOptions) -> torch.optim.Optimizer:
    """Make the optimiser that the options name, with a fused kernel."""
    groups: list[dict[str, Any]] = [{"params": list(weights)}]
    if options.optimizer == "adagrad":
        return adagrad(groups, options)
    return Adam(groups, lr=options.learning_rate, fused=True)


def train_alone(
    name: str,
    genotype: Genotype,
    data: ClickData,
    options: TrainOptions,
    *,
    epochs: int,
    generator: torch.Generator,
    run: RunContext,
) -> tuple[FieldSpace, PhaseResult]:
    """Train a genotype's network until validation AUC stops improving.

    Args:
        name: The phase's name in the checkpoint.
        genotype: The genotype.
        data: Training rows, and validation rows, which stop the training.
        options: The options.
        epochs: Maximum number of epochs.
        generator: Draws initial values, batches and the masks of dropout.
        run: Checkpoint, progress and log.

    Returns:
        The network with the weights of its best epoch, and the outcome of the training.
    """
    network = build_network(genotype, data.encoder, options, generator, data.feature_matrix())
    network.to(data.train.labels.device)
    outcome = fit_clicks(name, network, data, options, epochs=epochs, generator=generator, run=run)
    return network, outcome


def fit_clicks(
    name: str,
    model: FieldModel,
    data: ClickData,
    options: TrainOptions,
    *,
    epochs: int,
    generator: torch.Generator,
    run: RunContext,
) -> PhaseResult:
    """Train a model until validation AUC stops improving, and keep its best epoch's weights.

    Args:
        name: The phase's name in the checkpoint.
        model: The model, on the data's device.
        data: Training rows, and validation rows, which stop the training. Without validation rows
            the training has `epochs` epochs, and the last one is kept.
        options: The options.
        epochs: Maximum number of epochs.
        generator: Source of the random numbers of batches and model.
        run: Checkpoint, progress and log.
    """
    weights = list(model.parameters())
    steps = -(-len(data.train) // options.batch_size)

    def loss(batch: ClickBatch) -> tuple[Tensor, int]:
        return rating_loss(model(batch), batch.labels, options), len(batch.labels)

    def validate() -> Metrics:
        found = evaluate_clicks(predict_logits(model, data.valid.rows), data.valid.labels)
        return {f"valid/{name}": value for name, value in found.items()}

    return fit(
        name,
        model,
        optimizer_of(weights, options),
        lambda: data.train.batches(options.batch_size, generator),
        loss,
        options,
        validate=validate if len(data.valid) else None,
        monitor=AUC.on("valid"),
        epochs=epochs,
        generator=generator,
        run=run,
        average=moving_average(weights, steps, options),
    )
