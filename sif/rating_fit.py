"""Stand-alone training of an interaction function, with new embeddings and a new head."""

from typing import Any

import torch
from torch import Tensor

from nasp.core.genotype import Genotype
from nasp.metric import Metrics
from nasp.runs.context import RunContext
from nasp.training.loop import PhaseResult
from sif.data.search_data import SearchData
from sif.evaluation.ratings import RMSE, predict, validated
from sif.fit import adagrad, fit
from sif.models.rating import build_network
from sif.nn.embeddings import RatingBatch
from sif.nn.encoders import RatingGraph
from sif.nn.rating_model import RatingModel
from sif.nn.space import InteractionSpace
from sif.objectives import rating_loss
from sif.options import TrainOptions


def train_alone(
    name: str,
    genotype: Genotype,
    data: SearchData,
    graph: RatingGraph | None,
    options: TrainOptions,
    *,
    epochs: int,
    generator: torch.Generator,
    run: RunContext,
) -> tuple[InteractionSpace, PhaseResult]:
    """Train a genotype's network until validation RMSE stops improving.

    Without validation ratings, it is trained for all epochs.

    Args:
        name: The phase's name in the checkpoint.
        genotype: The encoders, the functions and the MLPs, which stay as they are.
        data: Training ratings, and validation ratings, which stop the training.
        graph: The graph of the training ratings, if an encoder needs it.
        options: The options.
        epochs: Maximum number of epochs.
        generator: Draws initial values and batches.
        run: Checkpoint, progress and log.

    Returns:
        The network with the weights of its best epoch, and the outcome of the training.
    """
    features = data.feature_matrix()
    network = build_network(genotype, data.encoder.sizes, options, generator, graph, features)
    network.to(data.train.ratings.device)
    groups = [{"params": network.weights()}]
    outcome = fit_ratings(
        name, network, groups, data, options, epochs=epochs, generator=generator, run=run
    )
    return network, outcome


def fit_ratings(
    name: str,
    model: RatingModel,
    groups: list[dict[str, Any]],
    data: SearchData,
    options: TrainOptions,
    *,
    epochs: int,
    generator: torch.Generator,
    run: RunContext,
) -> PhaseResult:
    """Train a model until validation RMSE stops improving, and keep its best epoch's weights.

    Without validation ratings, it is trained for all epochs.

    Args:
        name: The phase's name in the checkpoint.
        model: The model, on the data's device.
        groups: The optimiser's parameter groups; other parameters are not trained.
        data: Training ratings, and validation ratings, which stop the training.
        options: The options.
        epochs: Maximum number of epochs.
        generator: Source of the random numbers of batches and model.
        run: Checkpoint, progress and log.
    """

    def loss(batch: RatingBatch) -> tuple[Tensor, int]:
        outputs, counts = model(batch), batch.inverse_counts
        return rating_loss(outputs, batch.ratings, options, counts), len(batch.ratings)

    def validate() -> Metrics:
        return validated(lambda: predict(model.predictor(), data.valid.rows), data)

    return fit(
        name,
        model,
        adagrad(groups, options),
        lambda: data.train.batches(options.batch_size, generator),
        loss,
        options,
        validate=validate if len(data.valid.ratings) else None,
        monitor=RMSE.on("valid"),
        epochs=epochs,
        generator=generator,
        run=run,
    )
