"""The task of ranking items for users by an interaction function."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from nasp.core.genotype import Genotype
from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from nasp.errors import check_known
from nasp.metric import Metric, Metrics
from nasp.runs.context import RunContext
from nasp.search import TrainingResult
from nasp.search.task import Pairs
from nasp.training.seeding import generator
from sif.data.ranking_data import RankingData
from sif.evaluation.ranking import VALUES, evaluate_ranking
from sif.fit import fit, moving_average
from sif.models.function_ranker import FunctionRanker
from sif.models.members import FUNCTION
from sif.models.rating import build_network
from sif.nn.ranking_space import RankingBatch, RankingSpace
from sif.nn.space import DECISION
from sif.objectives import penalty
from sif.options import RANKING_OBJECTIVES, SearchOptions, TrainOptions, known_names
from sif.tasks.candidates import (
    Candidate,
    Selection,
    closed_form_candidates,
    select,
    tune_closed_forms,
)
from sif.tasks.interaction import MEETINGS, InteractionTask
from sif.zoo import known_within, title_of, training_name

NEGATIVES = 256  # of a batch, by default
MOST_STEPS = 64  # of an epoch; larger data have larger batches
VALID_SHARE = 4  # a validation batch has so many times fewer pairs, as all candidates score it
Scores = tuple[Tensor, Tensor, Tensor]


class RankingTask(InteractionTask):
    """A search for an interaction function that ranks, or the training of one.

    Args:
        data: Training and validation pairs.
        options: Options of the search or of the training.
        epochs: Maximum number of epochs of a stand-alone training; None takes that of the search's
            options.
        negatives: Number of negatives of each batch; None for `NEGATIVES`.

    Attributes:
        closed_forms: The best options of each closed form, by its name, after `prepare`.
        tuning_seconds: Wall time of their tuning.

    Raises:
        NaspError: The objective is not one of rankings.
    """

    name, kind = RankingSpace.name, RankingSpace
    data: RankingData

    def __init__(
        self,
        data: RankingData,
        options: SearchOptions | TrainOptions,
        epochs: int | None = None,
        negatives: int | None = None,
    ) -> None:
        check_known("objective of the task ranking:", options.objective, RANKING_OBJECTIVES)
        check_known("penalty of the task ranking:", options.penalty, ("squared", "norm"))
        self.data, self.options = data, options
        self.sizes, self.device = data.shape, data.device
        self.negatives = negatives or NEGATIVES
        self.epochs = epochs or self._search.train_epochs
        self._known = known_names(options, "ranking")
        self.closed_forms: dict[str, Any] | None = None
        self.tuning_seconds = 0.0
        self._selected: tuple[TrainingResult, Selection] | None = None

    def prepare(self, run: RunContext) -> None:
        """Tune the closed forms, once."""
        if self.closed_forms is None:
            began = time.perf_counter()
            trials = self.options.closed_form_trials
            self.closed_forms = tune_closed_forms(self.data, trials, run)
            self.tuning_seconds = time.perf_counter() - began

    def selection(self, trained: TrainingResult) -> Selection:
        """Return what is best by validation: a trained function, a closed form, or an average."""
        if self._selected is None or self._selected[0] is not trained:
            assert self.closed_forms is not None, "`prepare` comes before a search or training"
            function = Candidate(
                title_of(trained.genotype), FUNCTION, self.ranker(trained, self.data)
            )
            known = closed_form_candidates(self.closed_forms, self.data)
            self._selected = trained, select([*known, function], self.data, self.options.average)
        return self._selected[1]

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return tuple(VALUES)

    def space(self, generator: torch.Generator, dense: bool) -> RankingSpace:
        graph = self._graph(self.options.encoders)
        features = self.data.feature_matrix()
        # A sum of a part of the user and one of the item ranks for all users alike.
        return RankingSpace(
            self.sizes, self.options, generator, graph, features, candidates=MEETINGS
        )

    def loss(self, outputs: Scores, batch: RankingBatch) -> Tensor:
        positive, negative, looked_up = outputs
        negative = negative.masked_fill(batch.known, -torch.inf)
        stands_for = batch.catalogue / len(batch.negatives)
        mean = RANKING_OBJECTIVES[self.options.objective](positive, negative, stands_for)
        return mean + self.options.weight_decay * penalty(looked_up, self.options)

    def examples(self, batch: RankingBatch) -> int:
        return batch.rows.shape[1]

    def batch_pairs(self, generator: torch.Generator) -> Pairs:
        size = batch_size(self.data, self.options)
        steps = -(-len(self.data.train.items) // size)
        few = max(1, size // VALID_SHARE)
        return zip(
            self.data.batches(size, self.negatives, generator),
            self.data.batches(few, self.negatives, generator, steps=steps, valid=True),
            strict=True,
        )

    def validate(self, space: SearchSpace, relaxation: Relaxation) -> Metrics:
        assert isinstance(space, RankingSpace)
        return validated(FunctionRanker.of(space, self.data.train, relaxation), self.data)

    def known(self) -> dict[str, Genotype]:
        """Return the known models of `--known` that have encoders, those of the search."""
        return known_within(self._known, self.options.encoders)

    def train(
        self, origin: str, genotype: Genotype, seed: int, run: RunContext
    ) -> list[TrainingResult]:
        """Train a member of the space alone until validation stops improving.

        The closed forms are tuned before, if there was no search. The epochs are not logged here:
        `nasp.search` logs those of the best training.
        """
        self.prepare(run)
        name = training_name(origin, genotype)
        silent = replace(run, log=lambda metrics, step: None)
        return [self._trained(name, genotype, self.data, self.epochs, seed, silent)]

    def refit(
        self, best: Sequence[TrainingResult], seed: int, run: RunContext
    ) -> Sequence[TrainingResult]:
        """Train the best function on training and validation pairs, if the answer has it.

        It has the number of epochs that validation chose.
        """
        trained = best[0]
        if not self.options.refit or not self.selection(trained).uses_function:
            return ()
        name, epochs = f"{trained.name}, refitted", trained.epoch + 1
        return [self._trained(name, trained.genotype, self.data.for_refit(), epochs, seed, run)]

    def _trained(
        self,
        name: str,
        genotype: Genotype,
        data: RankingData,
        epochs: int,
        seed: int,
        run: RunContext,
    ) -> TrainingResult:
        """Train a genotype's network; the last epoch counts if there are no validation pairs."""
        random, options = generator(seed, name), self.options
        network = self.network(genotype, data, random)
        weights, size = network.weights(), batch_size(data, options)
        outcome = fit(
            f"train {name}",
            network,
            self.optimizer(weights),
            lambda: data.batches(size, self.negatives, random),
            lambda batch: (self.loss(network(batch), batch), self.examples(batch)),
            options,
            validate=(
                (lambda: validated(FunctionRanker.of(network, data.train), data))
                if len(data.judged.items)
                else None
            ),
            monitor=self.monitor,
            epochs=epochs,
            generator=random,
            run=run,
            average=moving_average(weights, -(-len(data.train.items) // size), options),
        )
        return TrainingResult(name, genotype, outcome.history, outcome.best_epoch, outcome.best)

    def network(
        self, genotype: Genotype, data: RankingData, generator: torch.Generator
    ) -> RankingSpace:
        """Make the network of a genotype with new weights, on the task's device.

        With features, the embeddings of users and items without pairs are 0 and stay so: their
        encodings are what their features add.
        """
        graph = self._graph((encoder for encoder, _ in genotype.choices.get(DECISION, ())), data)
        features = data.feature_matrix()
        network = build_network(
            genotype, data.shape, self.options, generator, graph, features, kind=RankingSpace
        )
        assert isinstance(network, RankingSpace)
        if features is not None:
            counts = torch.cat([data.train.counts(), data.train.popularity()])
            with torch.no_grad():
                network.embeddings.table[counts == 0] = 0.0
        return network.to(self.device)

    def ranker(self, trained: TrainingResult, data: RankingData) -> FunctionRanker:
        """Return the ranker of a trained function.

        Args:
            trained: The training.
            data: The data that it was trained on.
        """
        network = self.network(trained.genotype, data, torch.Generator())
        network.load_state_dict(trained.state)
        return FunctionRanker.of(network, data.train)


def batch_size(data: RankingData, options: TrainOptions) -> int:
    """Return the number of pairs of a batch: that of the options, or more for large data.

    An epoch has at most `MOST_STEPS` steps, because encoders of the graph propagate the embeddings
    of all users and items in each step.
    """
    return max(options.batch_size, -(-len(data.train.items) // MOST_STEPS))


def validated(ranker: FunctionRanker, data: RankingData) -> Metrics:
    """Return the metrics on the validation pairs that judge epochs, named `valid/<name>`."""
    found = evaluate_ranking(ranker.scorer(data.train), data.train, data.judged)
    return {f"valid/{name}": value for name, value in found.items()}
