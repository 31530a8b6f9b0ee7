"""Stand-alone training of an interaction function, with new embeddings and a new head."""

from typing import Any

import torch

from nasp.core.genotype import Genotype
from nasp.metric import Metrics
from nasp.runs.context import RunContext
from nasp.training.loop import PhaseResult, run_epochs
from nasp.training.optimization import Adagrad, Losses, descend
from sif.data.search_data import SearchData
from sif.evaluation.ratings import monitor_of, predict, validated
from sif.models.rating import build_network
from sif.nn.encoders import RatingGraph
from sif.nn.rating_model import RatingModel
from sif.nn.space import InteractionSpace
from sif.objectives import rating_loss as loss_of
from sif.options import TrainOptions


def adagrad(groups: list[dict[str, Any]], options: TrainOptions) -> torch.optim.Optimizer:
    """Make Adagrad for parameter groups `{"params": [...]}`, with a fused kernel on the CPU.

    torch has no fused kernel for other devices.
    """
    on_cpu = all(p.device.type == "cpu" for group in groups for p in group["params"])
    return Adagrad(groups, lr=options.learning_rate, fused=on_cpu)


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
    outcome = fit(name, network, groups, data, options, epochs=epochs, generator=generator, run=run)
    return network, outcome


def fit(
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
    trained = [parameter for group in groups for parameter in group["params"]]
    optimizer = adagrad(groups, options)

    def epoch(position: int) -> Metrics:
        losses = Losses()
        model.train()
        for batch in data.train.batches(options.batch_size, generator):
            loss = loss_of(model(batch), batch.ratings, options)
            descend(loss, trained, optimizer, options.gradient_clip)
            model.constrain()
            losses.append(loss, len(batch.ratings))
        model.eval()
        return {
            "train/loss": losses.mean(),
            **validated(lambda: predict(model.predictor(), data.valid.rows), data),
        }

    outcome = run_epochs(
        name,
        epoch,
        epochs=epochs,
        state={"network": model, "optimizer": optimizer, "generator": generator},
        monitor=monitor_of(data),
        snapshot=lambda: {key: value.clone() for key, value in model.state_dict().items()},
        run=run,
        patience=options.patience if len(data.valid.ratings) else None,
        answer="best" if len(data.valid.ratings) else "last",
    )
    model.load_state_dict(outcome.best)
    return outcome
