"""Search for a recurrent cell: one-shot on shared weights, or by training cells alone."""

from collections.abc import Iterator
from dataclasses import fields
from functools import partial

import torch
from torch import Tensor

from nasp.core.genotype import Genotype
from nasp.core.relaxation import Relaxation
from nasp.metric import Metrics
from nasp.rnn.data import Batch, Corpus, batches, columns
from nasp.rnn.dropout import Masks, draw_masks
from nasp.rnn.fit import fit
from nasp.rnn.genotype import SPACE, decisions_of
from nasp.rnn.judge import judge
from nasp.rnn.network import LanguageModel
from nasp.rnn.options import DescentOptions, SearchOptions, TrainOptions
from nasp.rnn.space import RNNSpace
from nasp.runs.context import Run
from nasp.samplers import SAMPLERS
from nasp.search.one_shot import beside, search
from nasp.search.trials import Found, by_trials, of_search, without_weights
from nasp.strategies import ONE_SHOT, StrategyOptions
from nasp.training.optimization import WeightStep
from nasp.training.seeding import generator

JUDGED = 10  # columns of a text that is only judged while training, as AWD-LSTM and DARTS have


def find(
    corpus: Corpus, options: SearchOptions, seed: int, run: Run, device: torch.device
) -> Found:
    """Search for a cell.

    Args:
        corpus: The training text trains the weights; the validation text trains the architecture
            and judges it at each epoch, as in DARTS.
        options: How to search.
        seed: Fixes everything that is drawn at random.
        run: Checkpoint, progress and log.
        device: Where to search.

    Raises:
        NaspError: A text is too short, or a loss is not finite.
    """
    if options.strategy in SAMPLERS:
        return _by_trials(corpus, options, seed, run, device)
    random = generator(seed, "search")
    train, valid = (
        columns(text.to(device), options.batch_size, f"the {name} text")
        for name, text in (
            ("training", corpus.train[: options.tokens]),
            ("validation", corpus.valid),
        )
    )
    space = RNNSpace(
        len(corpus.vocabulary),
        options.nhid,
        random,
        alpha=options.alpha,
        beta=options.beta,
        batch_norm=options.batch_norm,
        none=ONE_SHOT[options.strategy].dense,
    ).to(device)
    optimizer = options.sgd(space.weights())
    strategy = ONE_SHOT[options.strategy](
        space,
        random,
        StrategyOptions(
            learning_rate=options.architecture_learning_rate,
            weight_decay=options.architecture_weight_decay,
            weight_step=WeightStep(optimizer, options.gradient_clip),
            hessian="finite",
        ),
    )

    def read(text: Tensor, regularised: bool) -> Iterator[Batch]:
        return batches(text, options.nhid, lambda: options.bptt, draw, regularised)

    def draw(batch: int) -> Masks:
        rates, words = options.rates(), len(corpus.vocabulary)
        return draw_masks(rates, words, options.nhid, batch, random, device)

    def evaluate(relaxation: Relaxation) -> Metrics:
        outputs = partial(space.outputs, relaxation=relaxation)
        return judge(outputs, space.words, valid, "valid")

    outcome = search(
        "search",
        strategy,
        optimizer,
        lambda: beside(read(train, True), lambda: read(valid, False)),
        evaluate,
        epochs=options.epochs,
        monitor="valid/perplexity",
        generator=random,
        run=without_weights(run),
        warm_up=options.warm_up,
        gradient_clip=options.gradient_clip,
        max_seconds=options.max_seconds,
    )
    return of_search(outcome)


def _by_trials(
    corpus: Corpus, options: SearchOptions, seed: int, run: Run, device: torch.device
) -> Found:
    """Train what a sampler asks for, each cell alone, in a model of the search's size."""
    sampler = SAMPLERS[options.strategy](decisions_of(), generator(seed, "trials"))
    same = {f.name: getattr(options, f.name) for f in fields(DescentOptions)}
    if options.max_seconds is not None:
        same["max_seconds"] = options.max_seconds / options.trials
    training = TrainOptions(**same, epochs=options.trial_epochs)

    def train_one(name: str, genotype: Genotype, run: Run) -> tuple[Metrics, list[Metrics]]:
        random = generator(seed, name)
        _, history = train_alone(name, genotype, corpus, training, random, run, device)
        return min(history, key=perplexity), history

    def perplexity(metrics: Metrics) -> float:
        return metrics["valid/perplexity"]

    return by_trials(SPACE, sampler, train_one, perplexity, options.trials, run)


def train_alone(
    name: str,
    genotype: Genotype,
    corpus: Corpus,
    options: TrainOptions,
    random: torch.Generator,
    run: Run,
    device: torch.device,
) -> tuple[LanguageModel, list[Metrics]]:
    """Train the language model of a cell.

    Args:
        name: The phase's name in the checkpoint.
        genotype: The cell.
        corpus: The texts; that of the test is not touched.
        options: How to train, and how large the model is.
        random: Draws all that is drawn at random.
        run: Checkpoint, progress and log.
        device: Where to train.

    Returns:
        The model with the weights of its best epoch by validation, and the metrics of each epoch.

    Raises:
        NaspError: A text is too short, or a loss is not finite.
    """
    network = LanguageModel(
        genotype, len(corpus.vocabulary), options.nhid, random, options.alpha, options.beta
    ).to(device)
    outcome = fit(
        name,
        network,
        columns(corpus.train[: options.tokens].to(device), options.batch_size, "the training text"),
        columns(corpus.valid.to(device), JUDGED, "the validation text"),
        options,
        generator=random,
        run=run,
    )
    return network, outcome.history


def exactly(network: LanguageModel, text: Tensor, split: str) -> Metrics:
    """Loss and perplexity of a text `(tokens,)` in one column, every word after all before it."""
    return judge(network.outputs, network.words, columns(text, 1), split)
