"""The task of rating prediction by an interaction function."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from nasp.core.genotype import Genotype
from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from nasp.errors import Diverged, check_known
from nasp.metric import Metric, Metrics
from nasp.runs.context import RunContext
from nasp.search import SearchResult, TrainingResult
from nasp.search.task import Pairs
from nasp.strategies import Strategy
from nasp.training.loop import PhaseResult
from nasp.training.seeding import generator
from sif.data.biases import predict_from_biases
from sif.data.search_data import SearchData
from sif.evaluation.ratings import VALUES, evaluate_predictions, predict, validated
from sif.models.cold import FeatureWeights, Sides, shares_of, weights_of
from sif.models.rating import InteractionModel, build_network
from sif.nn.embeddings import RatingBatch
from sif.nn.space import DECISION, InteractionSpace, name_of
from sif.objectives import rating_loss
from sif.options import (
    OBJECTIVES,
    SearchOptions,
    SpaceOptions,
    TrainOptions,
    known_names,
    search_values,
    space_options,
)
from sif.posterior.model import PosteriorAverage, has_samples, parts_of
from sif.posterior.sampling import can_be_sampled, sample_posterior
from sif.rating_fit import train_alone
from sif.tasks.interaction import InteractionTask
from sif.zoo import BIASES, known_within, training_name

Way = Callable[..., tuple[nn.Module, PhaseResult]]
# Sampling takes the time of several trainings, so few functions are sampled.
SAMPLED = 2
NEAR = 1.01  # largest RMSE of the second one, relative to the first


class RatingTask(InteractionTask):
    """A search for an interaction function, or the training of one.

    Args:
        data: Training and validation ratings.
        options: Options of the search or of the training.
        epochs: Maximum number of epochs of a stand-alone training; None takes that of the search's
            options.
        functions: The candidates, names in `sif.nn.operations.functions(N)`; all if None.
    """

    name = InteractionSpace.name
    data: SearchData

    def __init__(
        self,
        data: SearchData,
        options: SearchOptions | TrainOptions,
        epochs: int | None = None,
        functions: tuple[str, ...] | None = None,
    ) -> None:
        check_known("objective of the task rating:", options.objective, OBJECTIVES)
        self.data, self.options, self.functions = data, options, functions
        self.sizes, self.device = data.encoder.sizes, data.train.ratings.device
        self.epochs = epochs or self._search.train_epochs
        self._known = known_names(options, "rating")

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return tuple(VALUES)

    def space(self, generator: torch.Generator, dense: bool) -> InteractionSpace:
        return InteractionSpace(
            self.sizes,
            self.options,
            generator,
            self._graph(self.options.encoders),
            self.data.feature_matrix(),
            candidates=self.functions,
        )

    def loss(self, outputs: tuple[Tensor, Tensor], batch: RatingBatch) -> Tensor:
        return rating_loss(outputs, batch.ratings, self.options)

    def examples(self, batch: RatingBatch) -> int:
        return len(batch.ratings)

    def batch_pairs(self, generator: torch.Generator) -> Pairs:
        size = self.options.batch_size
        steps = -(-len(self.data.train.ratings) // size)
        return zip(
            self.data.train.batches(size, generator),
            self.data.valid.batches(size, generator, steps),
            strict=True,
        )

    def validate(self, space: SearchSpace, relaxation: Relaxation) -> Metrics:
        assert isinstance(space, InteractionSpace)
        valid = self.data.valid
        predictions = predict(space.predictor(relaxation), valid.rows)
        found = evaluate_predictions(predictions, valid, self.data.scale)
        return {f"valid/{name}": value for name, value in found.items()}

    def warm_up_relaxation(self, strategy: Strategy, generator: torch.Generator) -> Relaxation:
        """Return the path of the operation at which the restart begins; see `choose_start`."""
        return strategy.weight_relaxation()

    def known(self) -> dict[str, Genotype]:
        """Return the known models of `--known` whose encoders are among those of the search."""
        return known_within(self._known, self.options.encoders)

    def train(
        self, origin: str, genotype: Genotype, seed: int, run: RunContext
    ) -> list[TrainingResult]:
        """Train a member of the space alone, with its MLPs kept as found, as in the paper.

        The biases are not trained: they are those of the data. The epochs are not logged here:
        `nasp.search` logs those of the best training.
        """
        name, data = training_name(origin, genotype), self.data
        if genotype == BIASES:
            valid = validated(lambda: predict_from_biases(data.biases, data.valid), data)
            return [TrainingResult(name, genotype, [valid], 0, {})]
        return [self._fit(name, partial(train_alone, epochs=self.epochs), genotype, seed, run)]

    def refinable(self, ranked: Sequence[tuple[Genotype, float]]) -> Sequence[Genotype]:
        """Return the best genotypes that can be sampled, if `sweeps` asks for samples."""
        entities = len(self.sizes)
        able = [(g, rmse) for g, rmse in ranked if can_be_sampled(g, entities)]
        if not (able and self.options.sweeps):
            return ()
        return [g for g, rmse in able[:SAMPLED] if rmse <= NEAR * able[0][1]]

    def refine(
        self, origin: str, genotype: Genotype, seed: int, run: RunContext
    ) -> list[TrainingResult]:
        """Draw samples from the posterior of a genotype."""
        name = f"{training_name(origin, genotype)}, posterior"
        return [self._fit(name, sample_posterior, genotype, seed, run)]

    def refit(self, trained: TrainingResult, seed: int, run: RunContext) -> TrainingResult | None:
        """Train the best function on all ratings but those of the test, with as many epochs."""
        if not self.options.refit:
            return None
        name, genotype = f"{trained.name}, refitted", trained.genotype
        self.whole = RatingTask(self.data.whole(), self.options, self.epochs)
        if genotype == BIASES:
            return TrainingResult(name, genotype, [], 0, {})
        fit = sample_posterior if has_samples(trained.state) else train_alone
        way: Way = partial(fit, epochs=trained.epoch + 1)
        return self.whole._fit(name, way, genotype, seed, run)

    def model(self, found: SearchResult) -> InteractionModel:
        """Return the model of a search's result, with its trained network."""
        assert found.trained is not None, "each found function is trained"
        return self._model(found.trained, found.trained.metrics[self.monitor.name])

    def refitted_model(self, found: SearchResult) -> InteractionModel | None:
        """Return the model that was trained on validation ratings, too, if there is one."""
        if found.refitted is None:
            return None
        return self.whole._model(found.refitted, found.metrics[self.monitor.name])

    def _fit(
        self, name: str, way: Way, genotype: Genotype, seed: int, run: RunContext
    ) -> TrainingResult:
        """Train a genotype in one of two ways: `train_alone` or `sample_posterior`."""
        try:
            network, outcome = way(
                f"train {name}",
                genotype,
                self.data,
                self._graph(encoder for encoder, _ in genotype.choices[DECISION]),
                self.options,
                generator=generator(seed, name),
                run=replace(run, log=lambda metrics, step: None),
            )
        except Diverged as error:
            raise Diverged(f"{name_of(genotype)} diverges: {error.reason}") from error
        state = network.state_dict()
        return TrainingResult(name, genotype, outcome.history, outcome.best_epoch, state)

    def _model(self, trained: TrainingResult, valid_rmse: float) -> InteractionModel:
        genotype, data = trained.genotype, self.data
        sizes, terms = self.sizes, genotype.choices[DECISION]
        network: InteractionSpace | PosteriorAverage | None = None
        sides: Sides = (None,) * len(sizes)
        if has_samples(trained.state):
            samples, weights = parts_of(trained.state)
            network = average = PosteriorAverage(terms, sizes, samples)
            sides = self._sampled_sides(average, weights)
        elif terms:
            graph = self._graph(encoder for encoder, _ in terms)
            network = build_network(
                genotype, sizes, self.options, torch.Generator(), graph, data.feature_matrix()
            )
            network.load_state_dict(trained.state)
            sides = weights_of(network.embeddings, data.features, sizes, data.train.rows)
            network.embeddings.fold_features()
        return InteractionModel(
            genotype,
            None if network is None else network.to(self.device),
            space_options(self.options, SpaceOptions),
            data.encoder,
            data.scale,
            data.biases.cpu(),
            data.rated,
            search_values(self.options),
            valid_rmse,
            sides=sides,
            sessions=data.sessions if has_samples(trained.state) else None,
            device=self.device,
        )

    def _sampled_sides(self, average: PosteriorAverage, weights: Mapping[int, Tensor]) -> Sides:
        """Return the sampled weights of each entity's features.

        The parameters of an id without features are the mean over training ratings of those of
        known ids, without what their features add: with `history`, this has what histories add.
        """
        samples, found = average.samples(), list[FeatureWeights | None]()
        for entity, features in enumerate(self.data.features):
            if features is None:
                found.append(None)
                continue
            own, size = average.places_of(entity), self.sizes[entity]
            shares = shares_of(self.data.train.rows[entity] - sum(self.sizes[:entity]), size)
            mean = torch.from_numpy(shares.numpy() @ features.matrix)
            base = [shares @ samples[n][:, :-1] - mean @ weights[n] for n in own]
            found.append(FeatureWeights(features.columns, base, [weights[n] for n in own]))
        return tuple(found)
