"""Training of a stand-alone network."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from nasp.cnn.evaluation import ACCURACY
from nasp.cnn.images import Batches
from nasp.cnn.network import Network, drop_path
from nasp.cnn.options import TrainOptions
from nasp.metric import LOSS, Metrics
from nasp.runs.context import RunContext
from nasp.runs.process import processes
from nasp.training.loop import PhaseResult, run_epochs
from nasp.training.optimization import Losses, descend
from nasp.training.precision import Precision


def learning_rate(options: TrainOptions, position: int, epochs: int) -> float:
    """Return an epoch's rate: cosine (Loshchilov and Hutter, ICLR 2017) or exponential decay."""
    if options.learning_rate_decay is not None:
        return options.learning_rate * options.learning_rate_decay**position
    return cosine(options.learning_rate, options.learning_rate_min, position, epochs)


def cosine(first: float, last: float, position: int, epochs: int) -> float:
    """Return a rate on half a cosine wave from `first` to `last`, reached after `epochs` epochs."""
    return last + (first - last) * (1 + math.cos(math.pi * position / epochs)) / 2


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def fit(
    name: str,
    network: Network,
    batches: Callable[[int], Batches],
    options: TrainOptions,
    *,
    epochs: int,
    generator: torch.Generator,
    run: RunContext,
    evaluate: Callable[[], Metrics] | None = None,
) -> PhaseResult:
    """Train a network for a number of epochs and keep the weights of the last one.

    Args:
        name: The phase's name in the checkpoint.
        network: The network, on the batches' device.
        batches: Starts an epoch: yields this process's share of each augmented batch.
        options: The options.
        epochs: Number of epochs.
        generator: Source of all random numbers.
        run: Checkpoint, progress and log.
        evaluate: Returns metrics on held-out images, including `valid/accuracy`, of the network in
            evaluation mode.
    """
    precision = options.numbers(network.classifier.weight.device)
    precision.prepare(network)
    weights = list(network.parameters())
    optimizer = options.sgd(weights)
    forward: Callable[..., Any] = torch.compile(network) if options.compile else network

    def loss_of(images: Tensor, labels: Tensor, keep: Tensor | None) -> Tensor:
        with precision.autocast(images.device):
            logits, extra = forward(precision.layout(images), keep)
        smooth = options.label_smoothing
        loss = nn.functional.cross_entropy(logits.float(), labels, label_smoothing=smooth)
        if extra is not None:
            aside = nn.functional.cross_entropy(extra.float(), labels, label_smoothing=smooth)
            loss = loss + options.auxiliary_weight * aside
        return loss

    def epoch(position: int) -> Metrics:
        network.train()
        rate = learning_rate(options, position, epochs)
        set_rate(optimizer, rate)
        dropped = options.drop_path_prob * position / epochs
        losses = Losses()
        for images, labels in batches(position):
            keep = drop_path(network, len(images) * processes(), dropped, generator)
            loss = loss_of(images, labels, keep)
            descend(loss, weights, optimizer, options.gradient_clip)
            losses.append(loss, len(labels))
        network.eval()
        return {"train/loss": losses.mean(), **(evaluate() if evaluate else {})}

    return run_epochs(
        name,
        epoch,
        epochs=epochs,
        state={"network": network, "optimizer": optimizer, "generator": generator},
        monitor=ACCURACY.on("valid") if evaluate else LOSS.on("train"),
        snapshot=lambda: None,
        run=run,
        keep=("network",),
    )


def logits_of(network: Network, precision: Precision) -> Callable[[Tensor], Tensor]:
    """Return a function from normalised images to logits, in evaluation mode."""

    def logits(images: Tensor) -> Tensor:
        with precision.autocast(images.device):
            found: Tensor = network(precision.layout(images))[0]
        return found

    return logits
