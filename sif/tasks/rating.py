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
from sif.evaluation.ratings import RMSE, VALUES, evaluate_predictions, predict, validated
from sif.models.cold import FeatureWeights, Sides, joined_sides, shares_of, weights_of
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
from sif.posterior.average import NetworkAverage, Single, is_average, states_of
from sif.posterior.langevin import epochs_of, sample_langevin
from sif.posterior.model import PosteriorAverage, has_samples, parts_of
from sif.posterior.sampling import can_be_sampled, sample_posterior
from sif.rating_fit import train_alone
from sif.tasks.averages import best_weights
from sif.tasks.interaction import InteractionTask
from sif.zoo import BIASES, known_within, title_of, training_name

Way = Callable[..., tuple[nn.Module, PhaseResult]]
# Sampling takes the time of several trainings, so few functions are sampled.
SAMPLED = 2
NEAR = 1.01  # an RMSE up to so many times another one is near it
GAIN = 0.0005  # smallest relative gain of an average over its best member


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
        self._weights: tuple[tuple[str, ...], dict[str, int]] | None = None
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
        return rating_loss(outputs, batch.ratings, self.options, batch.inverse_counts)

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
        """Return what is sampled, if `sweeps` asks for samples.

        These are the best genotypes for `sample_posterior`, and the best of all if they are not
        near it: `sample_langevin` gains less.
        """
        if not self.options.sweeps:
            return ()
        entities = len(self.sizes)
        able = [(g, rmse) for g, rmse in ranked if can_be_sampled(g, entities)]
        best, lowest = ranked[0]
        sampled = [g for g, rmse in able[:SAMPLED] if rmse <= NEAR * able[0][1]]
        if best == BIASES or (able and able[0][1] <= NEAR * lowest):
            return sampled
        return [best, *sampled]

    def refine(
        self, origin: str, genotype: Genotype, seed: int, run: RunContext
    ) -> list[TrainingResult]:
        """Draw samples from the posterior of a genotype."""
        name = f"{training_name(origin, genotype)}, posterior"
        way: Way = sample_posterior
        if not can_be_sampled(genotype, len(self.sizes)):
            way = partial(sample_langevin, epochs=self.epochs)
        return [self._fit(name, way, genotype, seed, run)]

    @property
    def kept(self) -> int:
        return self.options.average

    def members(self, best: Sequence[TrainingResult]) -> list[tuple[TrainingResult, int]]:
        """Return the trainings whose average is best by validation, and the weight of each.

        Args:
            best: The trainings that an average may have, best first.
        """
        if best[0].genotype == BIASES:
            return [(best[0], 1)]
        best = [one for one in best if one.genotype != BIASES]
        if len(best) == 1:
            return [(best[0], 1)]
        key = tuple(one.name for one in best)
        if self._weights is None or self._weights[0] != key:
            data = self.data
            found = {one.name: self._model([(one, 1)]).rate(data.valid) for one in best}

            def value(mean: Tensor) -> float:
                return -evaluate_predictions(mean, data.valid, data.scale)[RMSE.name]

            self._weights = key, best_weights(found, value, GAIN)
        weights = self._weights[1]
        return [(one, weights[one.name]) for one in best if one.name in weights]

    def refit(
        self, best: Sequence[TrainingResult], seed: int, run: RunContext
    ) -> Sequence[TrainingResult]:
        """Train the best on all ratings but those of the test, with as many epochs."""
        if not self.options.refit:
            return ()
        self.whole = RatingTask(self.data.whole(), self.options, self.epochs)
        return [self._refitted(one, seed, run) for one, _ in self.members(best)]

    def _refitted(self, trained: TrainingResult, seed: int, run: RunContext) -> TrainingResult:
        name, genotype = f"{trained.name}, refitted", trained.genotype
        if genotype == BIASES:
            return TrainingResult(name, genotype, [], 0, {})
        way: Way
        if has_samples(trained.state):
            way = partial(sample_posterior, epochs=trained.epoch + 1)
        elif is_average(trained.state):
            epochs, samples = epochs_of(trained.history[: trained.epoch + 1])
            way = partial(sample_langevin, epochs=epochs, samples=samples)
        else:
            way = partial(train_alone, epochs=trained.epoch + 1)
        return self.whole._fit(name, way, genotype, seed, run)

    def model(self, found: SearchResult) -> InteractionModel:
        """Return the model of a search's result, with its trained network or networks."""
        return self._model(self.members(found.best))

    def refitted_model(self, found: SearchResult) -> InteractionModel | None:
        """Return the model that was trained on validation ratings, too, if there is one."""
        if not found.refitted:
            return None
        weights = [weight for _, weight in self.members(found.best)]
        model = self.whole._model(list(zip(found.refitted, weights, strict=True)))
        model.valid_rmse = found.metrics[self.monitor.name]
        return model

    def title(self, found: SearchResult) -> str:
        """Return the name of the answer; that of an average names its members and weights."""
        members = self.members(found.best)
        if len(members) == 1:
            return title_of(members[0][0].genotype)
        return "average of " + " and ".join(f"{weight} × ({one.name})" for one, weight in members)

    def _fit(
        self, name: str, way: Way, genotype: Genotype, seed: int, run: RunContext
    ) -> TrainingResult:
        """Train a genotype by `train_alone`, or sample it by one of the two samplers."""
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

    def _model(self, members: Sequence[tuple[TrainingResult, int]]) -> InteractionModel:
        """Return the model of a training, or of a weighted average of several."""
        trained, data = members[0][0], self.data
        parts = [part for one, weight in members for part in self._parts(one, weight)]
        network: Single | NetworkAverage | None = None
        if len(parts) > 1:
            genotypes, networks, weights, _ = zip(*parts, strict=True)
            network = NetworkAverage(genotypes, networks, weights)
        elif parts:
            network = parts[0][1]
        sampled = any(isinstance(part, PosteriorAverage) for _, part, _, _ in parts)
        return InteractionModel(
            trained.genotype,
            None if network is None else network.to(self.device),
            space_options(self.options, SpaceOptions),
            data.encoder,
            data.scale,
            data.biases.cpu(),
            data.rated,
            search_values(self.options),
            trained.metrics.get(self.monitor.name) if trained.history else None,
            sides=joined_sides([sides for *_, sides in parts]) if parts else None,
            sessions=data.sessions if sampled else None,
            device=self.device,
        )

    def _parts(
        self, trained: TrainingResult, weight: float
    ) -> Sequence[tuple[Genotype, Single, float, Sides]]:
        """Return the genotype, the network, the weight and the features of each network.

        A training has one network, or several samples of it, or none.
        """
        genotype, data = trained.genotype, self.data
        sizes, terms = self.sizes, genotype.choices[DECISION]
        if not terms:
            return []
        if has_samples(trained.state):
            samples, weights = parts_of(trained.state)
            average = PosteriorAverage(terms, sizes, samples)
            return [(genotype, average, weight, self._sampled_sides(average, weights))]
        graph = self._graph(encoder for encoder, _ in terms)
        features, parts = data.feature_matrix(), []
        states = states_of(trained.state)
        for state in states:
            network = build_network(
                genotype, sizes, self.options, torch.Generator(), graph, features
            )
            network.load_state_dict(state)
            sides = weights_of(network.embeddings, data.features, sizes, data.train.rows)
            network.embeddings.fold_features()
            parts.append((genotype, network, weight / len(states), sides))
        return parts

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
