"""The task of language modelling with recurrent cells."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from nasp.core.decision import Decision
from nasp.core.genotype import Genotype
from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from nasp.metric import Metrics
from nasp.rnn.data import Corpus, TextBatch, batches, columns
from nasp.rnn.dropout import draw_masks
from nasp.rnn.evaluation import METRICS, evaluate
from nasp.rnn.fit import fit
from nasp.rnn.genotype import SPACE, decisions_of
from nasp.rnn.network import LanguageModel
from nasp.rnn.options import SearchOptions, TrainOptions
from nasp.rnn.space import RNNSpace
from nasp.rnn.words import LanguageModelOutput, language_model_loss
from nasp.runs.context import RunContext
from nasp.search.one_shot import pair_batches
from nasp.search.task import Pairs, Task, TrainingResult
from nasp.training.seeding import generator

VALIDATION_COLUMNS = 10  # columns of a validation text, as in AWD-LSTM and DARTS


class TextTask(Task):
    """A search for a recurrent cell, or the training of its language model.

    The training text trains the weights. The validation text trains the architecture, as in DARTS,
    and evaluates it after each epoch.

    Args:
        corpus: The texts; the test text is not used.
        options: Options of the search or of the training.
        device: Device of the computation.
    """

    name = SPACE
    metrics = METRICS
    options: SearchOptions | TrainOptions

    def __init__(
        self, corpus: Corpus, options: SearchOptions | TrainOptions, device: torch.device
    ) -> None:
        self.corpus, self.options, self.device = corpus, options, device
        rows = options.batch_size if isinstance(options, SearchOptions) else VALIDATION_COLUMNS
        self.train_text = columns(
            corpus.train[: options.tokens].to(device), options.batch_size, "the training text"
        )
        self.valid_text = columns(corpus.valid.to(device), rows, "the validation text")

    @property
    def _search(self) -> SearchOptions:
        assert isinstance(self.options, SearchOptions)
        return self.options

    def space(self, generator: torch.Generator, dense: bool) -> RNNSpace:
        options = self._search
        batch_norm = dense if options.batch_norm is None else options.batch_norm
        if batch_norm:
            options.check_batch_norm()
        return RNNSpace(
            len(self.corpus.vocabulary),
            options.nhid,
            generator,
            batch_norm=batch_norm,
            none=dense,
        )

    def optimizer(self, weights: list[nn.Parameter]) -> torch.optim.Optimizer:
        return self.options.sgd(weights)

    def loss(self, outputs: LanguageModelOutput, batch: TextBatch) -> Tensor:
        return language_model_loss(outputs, batch, self.options.alpha, self.options.beta)

    def examples(self, batch: TextBatch) -> int:
        return batch.targets.numel()

    def batch_pairs(self, generator: torch.Generator) -> Pairs:
        def read(text: Tensor, regularised: bool) -> Iterator[TextBatch]:
            rates, words, units = (
                self.options.rates(),
                len(self.corpus.vocabulary),
                self.options.nhid,
            )
            draw = partial(draw_masks, rates, words, units, generator=generator, device=self.device)
            return batches(text, units, lambda: self.options.bptt, draw, regularised)

        return pair_batches(read(self.train_text, True), lambda: read(self.valid_text, False))

    def validate(self, space: SearchSpace, relaxation: Relaxation) -> Metrics:
        assert isinstance(space, RNNSpace)
        outputs = partial(space.outputs, relaxation=relaxation)
        return evaluate(outputs, space.words, self.valid_text, "valid")

    @property
    def max_seconds(self) -> float | None:
        return self.options.max_seconds

    def decisions(self, generator: torch.Generator) -> tuple[tuple[Decision, ...], int]:
        return decisions_of(), 0

    def train(
        self, origin: str, genotype: Genotype, seed: int, run: RunContext
    ) -> list[TrainingResult]:
        """Train the language model of a cell, and keep its best epoch by validation."""
        random, corpus = generator(seed, origin), self.corpus
        options = self.training
        network = self.network(genotype, random)
        valid = columns(corpus.valid.to(self.device), VALIDATION_COLUMNS, "the validation text")
        outcome = fit(origin, network, self.train_text, valid, options, generator=random, run=run)
        state = network.state_dict()
        return [TrainingResult(origin, genotype, outcome.history, outcome.best_epoch, state)]

    @property
    def training(self) -> TrainOptions:
        """Options of stand-alone trainings; in a search with the search's network size."""
        return self.options if isinstance(self.options, TrainOptions) else self.options.training()

    def network(self, genotype: Genotype, generator: torch.Generator) -> LanguageModel:
        """Make the language model of a genotype, with new weights, on the task's device."""
        words = len(self.corpus.vocabulary)
        return LanguageModel(genotype, words, self.training.nhid, generator).to(self.device)

    def trained_network(self, trained: TrainingResult) -> LanguageModel:
        """Return the trained language model."""
        network = self.network(trained.genotype, torch.Generator())
        network.load_state_dict(trained.state)
        return network
