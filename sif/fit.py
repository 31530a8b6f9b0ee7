"""The stand-alone training of any model of a recommender: its epoch loop and its optimiser."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from nasp.metric import LOSS, Metric, Metrics
from nasp.runs.context import RunContext
from nasp.training.averaging import MovingAverage
from nasp.training.loop import PhaseResult, run_epochs
from nasp.training.optimization import Adagrad, Losses, descend
from sif.nn.field_model import FieldModel
from sif.nn.rating_model import RatingModel
from sif.options import TrainOptions

AVERAGED = 100  # steps of an epoch whose weights are averaged, if it has so many
Batch = TypeVar("Batch")


def adagrad(groups: list[dict[str, Any]], options: TrainOptions) -> torch.optim.Optimizer:
    """Make Adagrad for parameter groups `{"params": [...]}`, with a fused kernel on the CPU.

    torch has no fused kernel for other devices.
    """
    on_cpu = all(p.device.type == "cpu" for group in groups for p in group["params"])
    return Adagrad(groups, lr=options.learning_rate, fused=on_cpu)


def moving_average(
    weights: Sequence[nn.Parameter], steps: int, options: TrainOptions
) -> MovingAverage | None:
    """Make the moving average of weights that the options ask for; None without one.

    Args:
        weights: The weights.
        steps: Number of steps of an epoch; the weights of about `AVERAGED` of them are averaged.
        options: The options.
    """
    every = max(1, steps // AVERAGED)
    if not options.averaging:
        return None
    return MovingAverage(weights, max(every, options.averaging * steps), every)


def fit(
    name: str,
    model: RatingModel | FieldModel,
    optimizer: torch.optim.Optimizer,
    batches: Callable[[], Iterable[Batch]],
    loss: Callable[[Batch], tuple[Tensor, int]],
    options: TrainOptions,
    *,
    validate: Callable[[], Metrics] | None,
    monitor: Metric,
    epochs: int,
    generator: torch.Generator,
    run: RunContext,
    average: MovingAverage | None = None,
) -> PhaseResult:
    """Train a model until a validation metric stops improving, and keep its best epoch's weights.

    Args:
        name: The phase's name in the checkpoint.
        model: The model.
        optimizer: Its optimiser; parameters that it does not have are not trained.
        batches: Returns the batches of an epoch.
        loss: Returns the mean loss of a batch, a scalar, and its number of examples.
        options: The options.
        validate: Returns the metrics on validation data; None without any. The training then has
            `epochs` epochs, and the last one is kept.
        monitor: The metric of `validate` that selects the epoch.
        epochs: Maximum number of epochs.
        generator: Source of the random numbers of batches and model.
        run: Checkpoint, progress and log.
        average: An average of the weights, which is evaluated and kept in their place.
    """
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]

    def epoch(position: int) -> Metrics:
        losses = Losses()
        model.train()
        for batch in batches():
            mean, count = loss(batch)
            descend(mean, weights, optimizer, options.gradient_clip)
            model.constrain()
            if average is not None:
                average.update()
            losses.append(mean, count)
        model.eval()
        metrics = {LOSS.on("train").name: losses.mean()}
        if validate is not None:
            with average.applied() if average is not None else nullcontext():
                metrics |= validate()
        return metrics

    def snapshot() -> dict[str, Tensor]:
        with average.applied() if average is not None else nullcontext():
            return {key: value.clone() for key, value in model.state_dict().items()}

    state = {"network": model, "optimizer": optimizer, "generator": generator}
    outcome = run_epochs(
        name,
        epoch,
        epochs=epochs,
        state=state if average is None else {**state, "average": average},
        monitor=LOSS.on("train") if validate is None else monitor,
        snapshot=snapshot,
        run=run,
        answer="last" if validate is None else "best",
        patience=None if validate is None else options.patience,
    )
    model.load_state_dict(outcome.best)
    return outcome
