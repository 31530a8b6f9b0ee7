"""Search for a recurrent cell: one-shot on shared weights, or by training cells alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial

import torch
from torch import Tensor

from nasp.core.genotype import Genotype
from nasp.core.loop import Run
from nasp.core.metrics import Metrics
from nasp.core.relaxation import Relaxation
from nasp.core.search import run_trials, search
from nasp.core.seeding import generator
from nasp.rnn.data import Batch, Corpus, batches, columns
from nasp.rnn.dropout import Masks, draw_masks
from nasp.rnn.fit import fit, last_good
from nasp.rnn.genotype import SPACE, decisions_of
from nasp.rnn.judge import judge
from nasp.rnn.network import LanguageModel
from nasp.rnn.options import DescentOptions, SearchOptions, TrainOptions
from nasp.rnn.space import RNNSpace
from nasp.strategies import ONE_SHOT, SAMPLERS, Proposal, StrategyOptions

JUDGED = 10  # columns of a text that is only judged while training, as AWD-LSTM and DARTS have


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        genotype: The best by validation perplexity.
        metrics: Those of its moment.
        histories: Metrics by epoch of the search, or of each trial's training.
    """

    genotype: Genotype
    metrics: Metrics
    histories: dict[str, list[Metrics]]


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
        len(corpus.vocabulary), options.nhid, random, alpha=options.alpha, beta=options.beta
    ).to(device)
    strategy = ONE_SHOT[options.strategy](
        space,
        random,
        StrategyOptions(
            learning_rate=options.architecture_learning_rate,
            weight_decay=options.architecture_weight_decay,
            weight_learning_rate=options.learning_rate,
            hessian="finite",
        ),
    )

    def pairs() -> Iterator[tuple[Batch, Batch]]:
        """The training text once, beside as much of the validation text, from its start again."""

        def read(text: Tensor, regularised: bool) -> Iterator[Batch]:
            return batches(text, options.nhid, lambda: options.bptt, draw, regularised)

        beside: Iterator[Batch] = iter(())
        for batch in read(train, True):
            judged = next(beside, None)
            if judged is None:
                beside = read(valid, False)
                judged = next(beside)
            yield batch, judged

    def draw(batch: int) -> Masks:
        rates, words = options.rates(), len(corpus.vocabulary)
        return draw_masks(rates, words, options.nhid, batch, random, device)

    def evaluate(relaxation: Relaxation) -> Metrics:
        outputs = partial(space.outputs, relaxation=relaxation)
        return judge(outputs, space.words, valid, "valid")

    with last_good("search", run):
        outcome = search(
            "search",
            strategy,
            options.sgd(space.weights()),
            pairs,
            evaluate,
            epochs=options.epochs,
            monitor="valid/perplexity",
            generator=random,
            # Pictures have the weights `A`; curves of hundreds of them nobody reads.
            run=replace(run, log=lambda metrics, step: run.log(_without_weights(metrics), step)),
            warm_up=options.warm_up,
            gradient_clip=options.gradient_clip,
            max_seconds=options.max_seconds,
        )
    best = outcome.history[outcome.best_epoch]
    return Found(Genotype.from_json(outcome.best), best, {"search": outcome.history})


def _by_trials(
    corpus: Corpus, options: SearchOptions, seed: int, run: Run, device: torch.device
) -> Found:
    """Train what a sampler asks for, each cell alone, in a model of the search's size."""
    sampler = SAMPLERS[options.strategy](decisions_of(), generator(seed, "trials"))
    same = {f.name: getattr(options, f.name) for f in fields(DescentOptions)}
    if options.max_seconds is not None:
        same["max_seconds"] = options.max_seconds / options.trials
    training = TrainOptions(**same, epochs=options.trial_epochs)
    found: list[tuple[Genotype, Metrics]] = []
    histories: dict[str, list[Metrics]] = {}
    quiet = replace(run, log=lambda metrics, step: None)

    def evaluate(position: int, proposal: Proposal) -> float:
        name = f"trial {position + 1} of {options.trials}"
        genotype = Genotype(SPACE, proposal.choices)
        _, history = train_alone(
            name, genotype, corpus, training, generator(seed, name), quiet, device
        )
        best = min(history, key=lambda metrics: metrics["valid/perplexity"])
        histories[name] = history
        found.append((genotype, best))
        run.log(best, position)
        return best["valid/perplexity"]

    scores = run_trials(sampler, evaluate, options.trials)
    first = min(range(len(scores)), key=lambda trial: scores[trial][0])
    return Found(*found[first], histories)


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


def _without_weights(metrics: Mapping[str, float]) -> Metrics:
    return {k: v for k, v in metrics.items() if not k.startswith("arch/")}
