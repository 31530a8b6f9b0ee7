"""The task of rating prediction by an interaction function."""

from collections.abc import Callable
from dataclasses import fields, replace
from functools import cached_property, partial

import torch
from torch import Tensor, nn

from nasp.core.decision import Decision
from nasp.core.genotype import Genotype
from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from nasp.errors import Diverged, check_known
from nasp.metric import Metric, Metrics
from nasp.runs.context import RunContext
from nasp.samplers import Trial
from nasp.search import SearchResult, Task, TrainingResult
from nasp.search.task import Pairs
from nasp.strategies import Strategy
from nasp.training.loop import PhaseResult
from nasp.training.seeding import generator
from sif.data.search_data import SearchData
from sif.evaluation.ratings import VALUES, evaluate_predictions, predict
from sif.fit import adagrad, train_alone
from sif.models.rating import InteractionModel, build_network
from sif.nn.embeddings import RatingBatch
from sif.nn.encoders import RatingGraph
from sif.nn.operations import OPERATIONS
from sif.nn.space import DECISION, InteractionSpace, name_of
from sif.objectives import rating_loss
from sif.options import (
    ENCODERS,
    OBJECTIVES,
    SearchOptions,
    SpaceOptions,
    TrainOptions,
    space_options,
)
from sif.posterior.model import PosteriorAverage, has_samples
from sif.posterior.sampling import can_be_sampled, sample_posterior
from sif.tasks.starts import in_turn


class RatingTask(Task):
    """A search for an interaction function, or the training of one.

    Args:
        data: Training and validation ratings.
        options: Options of the search or of the training.
        epochs: Maximum number of epochs of a stand-alone training; None takes that of the search's
            options.
        functions: The candidates, names in `sif.nn.operations.functions(N)`; all if None.
    """

    name = InteractionSpace.name
    options: SearchOptions | TrainOptions

    def __init__(
        self,
        data: SearchData,
        options: SearchOptions | TrainOptions,
        epochs: int | None = None,
        functions: tuple[str, ...] | None = None,
    ) -> None:
        check_known("objective of the task rating:", options.objective, OBJECTIVES)
        self.data, self.options, self.functions = data, options, functions
        self.device = data.train.ratings.device
        self.epochs = epochs or self._search.train_epochs

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return tuple(VALUES)

    @property
    def _search(self) -> SearchOptions:
        assert isinstance(self.options, SearchOptions)
        return self.options

    def space(self, generator: torch.Generator, dense: bool) -> InteractionSpace:
        return InteractionSpace(
            self.data.encoder.sizes,
            self.options,
            generator,
            self.graph,
            candidates=self.functions,
        )

    @cached_property
    def graph(self) -> RatingGraph | None:
        """The graph of the training ratings, if an encoder needs it."""
        if not any(ENCODERS[name].needs_graph for name in self.options.encoders):
            return None
        return self.data.graph()

    def optimizer(self, weights: list[nn.Parameter]) -> torch.optim.Optimizer:
        return adagrad([{"params": weights}], self.options)

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

    def restart_generator(self, seed: int, restart: int) -> torch.Generator:
        return generator(seed, "search", restart)

    def choose_start(self, strategy: Strategy, restart: int, seed: int) -> None:
        """Start each restart at another single operation, and at other encoders.

        In a one-path search, embeddings adapt to the path that runs, so the result of a single
        search depends strongly on its start.
        """
        (decision,) = strategy.space.decisions
        # Functions of a single operation come first.
        simple = decision.operations[: len(OPERATIONS)]
        (function,) = in_turn(simple, restart, 1, generator(seed, "order"))
        encoders = in_turn(decision.sources, restart, decision.keep, generator(seed, "encoders"))
        strategy.start_from({DECISION: tuple((encoder, function) for encoder in encoders)})

    def warm_up_relaxation(self, strategy: Strategy, generator: torch.Generator) -> Relaxation:
        """Return the path of the operation at which the restart begins; see `choose_start`."""
        return strategy.weight_relaxation()

    def decisions(self, generator: torch.Generator) -> tuple[tuple[Decision, ...], int]:
        template = self.space(generator, dense=False)
        return template.decisions, sum(p.numel() for p in template.architecture())

    def genotype(self, trial: Trial, seed: int) -> Genotype:
        """Return a proposal's genotype; its MLPs are drawn anew, or offsets from a fixed start."""
        start = generator(seed, "mlps", 0 if trial.offsets else trial.number)
        space = InteractionSpace(self.data.encoder.sizes, self.options, start)
        if trial.offsets:
            space.move(trial.offsets)
        return space.genotype(trial.choices)

    def train(
        self, origin: str, genotype: Genotype, seed: int, run: RunContext
    ) -> list[TrainingResult]:
        """Train a member of the space alone, with its MLPs kept as found, as in the paper.

        With `sweeps`, its posterior is sampled, too, where that is possible. The epochs are not
        logged here: `nasp.search` logs those of the best training.
        """
        name = f"{name_of(genotype)} of {origin}"
        ways: dict[str, Callable[..., tuple[nn.Module, PhaseResult]]] = {
            name: partial(train_alone, epochs=self.epochs)
        }
        if self.options.sweeps and can_be_sampled(genotype, len(self.data.encoder.sizes)):
            ways[f"{name}, posterior"] = sample_posterior
        found = []
        for name, fit in ways.items():
            try:
                network, outcome = fit(
                    f"train {name}",
                    genotype,
                    self.data,
                    self.graph,
                    self.options,
                    generator=generator(seed, name),
                    run=replace(run, log=lambda metrics, step: None),
                )
            except Diverged as error:
                run.failed[name] = error.reason
                continue
            state, epoch = network.state_dict(), outcome.best_epoch
            found.append(TrainingResult(name, genotype, outcome.history, epoch, state))
        if not found:
            reason = next(iter(run.failed.values()))
            raise Diverged(f"{name_of(genotype)} diverges: {reason}")
        return found

    def model(self, found: SearchResult) -> InteractionModel:
        """Return the model of a search's result, with its trained network."""
        assert found.trained is not None, "each found function is trained"
        genotype = found.trained.genotype
        sizes = self.data.encoder.sizes
        network: InteractionSpace | PosteriorAverage
        if has_samples(found.trained.state):
            terms = genotype.choices[DECISION]
            network = PosteriorAverage(terms, sizes, tuple(found.trained.state.values()))
        else:
            network = build_network(genotype, sizes, self.options, torch.Generator(), self.graph)
            network.load_state_dict(found.trained.state)
        network.to(self.device)
        names = [field.name for field in fields(SearchOptions) if hasattr(self.options, field.name)]
        return InteractionModel(
            genotype,
            network,
            space_options(self.options, SpaceOptions),
            self.data.encoder,
            self.data.scale,
            self.data.biases.cpu(),
            self.data.rated,
            {name: getattr(self.options, name) for name in names},
            found.trained.metrics[self.monitor.name],
            device=self.device,
        )
