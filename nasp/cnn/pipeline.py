"""Search for a cell: one-shot on shared weights, or by training cells alone."""

from dataclasses import fields
from functools import partial

import torch

from nasp.cnn.data import (
    Augment,
    Labelled,
    Normalise,
    evaluation_batches,
    split,
    training_batches,
)
from nasp.cnn.fit import cosine, fit, logits_of, set_rate
from nasp.cnn.judge import judge
from nasp.cnn.network import Network
from nasp.cnn.options import DescentOptions, SearchOptions, TrainOptions
from nasp.cnn.space import CNNSpace, decisions_of
from nasp.cnn.task import JUDGED, Task, in_memory
from nasp.core.genotype import Genotype
from nasp.core.relaxation import Relaxation
from nasp.metric import Metrics
from nasp.runs.context import Run
from nasp.samplers import SAMPLERS
from nasp.search.one_shot import beside, search
from nasp.search.trials import Found, by_trials, of_search, without_weights
from nasp.strategies import ONE_SHOT, StrategyOptions
from nasp.training.optimization import WeightStep
from nasp.training.seeding import generator

BETAS = (0.5, 0.999)  # of Adam for the architecture, as DARTS and NASP have them for images


def find(
    images: Labelled,
    classes: tuple[str, ...],
    options: SearchOptions,
    seed: int,
    run: Run,
) -> Found:
    """Search for the normal and the reduction cell.

    Args:
        images: Training images, on the device where to search. `train_fraction` of them train
            weights, the others the architecture, and these judge it at each epoch.
        classes: Names.
        options: How to search.
        seed: Fixes everything that is drawn at random.
        run: Checkpoint, progress and log.
    """
    train, valid = split(images, options.train_fraction, generator(seed, "halves"))
    if options.strategy in SAMPLERS:
        return _by_trials(train, valid, classes, options, seed, run)
    random = generator(seed, "search")
    device = train.images.device
    space = CNNSpace(
        options.space,
        len(classes),
        options.channels,
        options.layers,
        random,
        precision=options.numbers(device),
    ).to(device)
    optimizer = options.sgd(space.weights())
    strategy = ONE_SHOT[options.strategy](
        space,
        random,
        StrategyOptions(
            learning_rate=options.architecture_learning_rate,
            betas=BETAS,
            weight_decay=options.architecture_weight_decay,
            eta=options.eta,
            probe_fraction=options.probe_fraction,
            weight_step=WeightStep(optimizer, options.gradient_clip),
            hessian="finite",
        ),
    )
    normalise = Normalise.of([train.images])
    batches = partial(
        training_batches,
        batch_size=options.batch_size,
        generator=random,
        augment=Augment(normalise, cutout=options.cutout),
        drop_last=True,
    )
    judged = min(options.batch_size, len(valid))  # this half may be smaller than a batch

    def schedule(position: int) -> None:
        rate = cosine(options.learning_rate, options.learning_rate_min, position, options.epochs)
        set_rate(optimizer, rate)

    def evaluate(relaxation: Relaxation) -> Metrics:
        logits = partial(space.logits, relaxation=relaxation)
        return judge(logits, evaluation_batches(valid, JUDGED, normalise), "valid")

    outcome = search(
        "search",
        strategy,
        optimizer,
        lambda: beside(batches(train), lambda: batches(valid, batch_size=judged)),
        evaluate,
        epochs=options.epochs,
        monitor="valid/accuracy",
        generator=random,
        run=without_weights(run),
        warm_up=options.warm_up,
        gradient_clip=options.gradient_clip,
        schedule=schedule,
    )
    return of_search(outcome)


def _by_trials(
    train: Labelled,
    valid: Labelled,
    classes: tuple[str, ...],
    options: SearchOptions,
    seed: int,
    run: Run,
) -> Found:
    """Train what a sampler asks for, each cell alone, in a network of the search's size."""
    decisions = decisions_of(options.space, options.channels)
    sampler = SAMPLERS[options.strategy](decisions, generator(seed, "trials"))
    same = {f.name: getattr(options, f.name) for f in fields(DescentOptions)}
    training = TrainOptions(
        **same,
        channels=options.channels,
        layers=options.layers,
        epochs=options.trial_epochs,
        auxiliary_weight=0.0,
        drop_path_prob=0.0,
    )
    task = in_memory(train, valid, None, classes, training.batch_size, training.cutout)

    def train_one(name: str, genotype: Genotype, run: Run) -> tuple[Metrics, list[Metrics]]:
        _, history = train_alone(name, genotype, task, training, generator(seed, name), run)
        return history[-1], history

    return by_trials(
        "cnn", sampler, train_one, lambda metrics: -metrics["valid/accuracy"], options.trials, run
    )


def train_alone(
    name: str,
    genotype: Genotype,
    task: Task,
    options: TrainOptions,
    random: torch.Generator,
    run: Run,
) -> tuple[Network, list[Metrics]]:
    """Train a cell's network.

    Args:
        name: The phase's name in the checkpoint.
        genotype: The cell.
        task: The images.
        options: How to train, and how large the network is.
        random: Draws all that is drawn at random.
        run: Checkpoint, progress and log.

    Returns:
        The network after the last epoch, in evaluation mode, and the metrics of each epoch.
    """
    network = Network(
        genotype,
        options.channels,
        options.layers,
        len(task.classes),
        task.kind,
        options.auxiliary_weight > 0,
        random,
    ).to(task.device)
    logits, valid = logits_of(network, options.numbers(task.device)), task.valid
    outcome = fit(
        name,
        network,
        lambda epoch: task.train(epoch, random),
        options,
        epochs=options.epochs,
        generator=random,
        run=run,
        evaluate=None if valid is None else lambda: judge(logits, valid(), "valid"),
    )
    return network.eval(), outcome.history
