"""The task of click prediction by a function of many fields."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor, nn

from nasp.core.decision import Decision
from nasp.core.genotype import Choices, Genotype
from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from nasp.errors import Diverged, NaspError, check_known
from nasp.metric import Metric, Metrics
from nasp.runs.context import RunContext
from nasp.search import SearchResult, Task, TrainingResult
from nasp.search.task import Pairs
from nasp.strategies import Strategy
from nasp.training.seeding import generator
from sif.click_fit import optimizer_of, train_alone
from sif.data.click_data import ClickData
from sif.data.click_rates import TRIVIAL, ClickRates
from sif.evaluation.clicks import VALUES, auc, evaluate_clicks, temperature_of
from sif.models.click import FUNCTION, ClickModel, build_network, check_genotype, predict_logits
from sif.models.cold import Sides, weights_of
from sif.nn.field_model import ClickBatch
from sif.nn.fields import PAIRS, TOWER, FieldSpace, decisions
from sif.nn.towers import NONE
from sif.objectives import rating_loss
from sif.options import (
    OBJECTIVES,
    FieldOptions,
    SearchOptions,
    TrainOptions,
    known_names,
    search_values,
    space_options,
)

TOWERS = {"fm": NONE, "deepfm": "hidden3", "fm_cross": "cross3"}
"""The tower of each known model, all of whose pairs have products; their heads are trained.

The models are a factorisation machine, DeepFM, and a factorisation machine with the cross layers
of DCN-V2.
"""


class ClickTask(Task):
    """A search for a function of many fields, or the training of one.

    Args:
        data: Training and validation rows.
        options: Options of the search or of the training.
        epochs: Maximum number of epochs of a stand-alone training; None takes that of the search's
            options.
    """

    name = FieldSpace.name
    options: SearchOptions | TrainOptions

    def __init__(
        self, data: ClickData, options: SearchOptions | TrainOptions, epochs: int | None = None
    ) -> None:
        check_known("objective of the task click:", options.objective, OBJECTIVES)
        check_known("penalty of the task click:", options.penalty, ("squared", "norm"))
        if options.average > 1:
            raise NaspError(
                f"average is {options.average}; clicks have no average of models: leave it out"
            )
        self.data, self.options = data, options
        self.device = data.train.labels.device
        if epochs is None:
            assert isinstance(options, SearchOptions)
            epochs = options.train_epochs
        self.epochs = epochs
        self._known = known_names(options, "click")

    @property
    def metrics(self) -> Sequence[Metric]:
        return tuple(VALUES)

    @cached_property
    def rates(self) -> ClickRates:
        """The trivial models of the training rows."""
        return ClickRates.fit(self.data)

    def space(self, generator: torch.Generator, dense: bool) -> FieldSpace:
        columns = self.data.encoder.columns
        matrix = self.data.feature_matrix()
        return FieldSpace(columns, self.data.sizes, self.options, generator, features=matrix)

    def optimizer(self, weights: list[nn.Parameter]) -> torch.optim.Optimizer:
        return optimizer_of(weights, self.options)

    def loss(self, outputs: tuple[Tensor, Tensor], batch: ClickBatch) -> Tensor:
        return rating_loss(outputs, batch.labels, self.options)

    def examples(self, batch: ClickBatch) -> int:
        return len(batch.labels)

    def batch_pairs(self, generator: torch.Generator) -> Pairs:
        size = self.options.batch_size
        steps = -(-len(self.data.train) // size)
        return zip(
            self.data.train.batches(size, generator),
            self.data.valid.batches(size, generator, steps),
            strict=True,
        )

    def validate(self, space: SearchSpace, relaxation: Relaxation) -> Metrics:
        assert isinstance(space, FieldSpace)
        valid = self.data.valid
        found = evaluate_clicks(predict_logits(space, valid.rows, relaxation), valid.labels)
        return {f"valid/{name}": value for name, value in found.items()}

    def restart_generator(self, seed: int, restart: int) -> torch.Generator:
        return generator(seed, "search", restart)

    def choose_start(self, strategy: Strategy, restart: int, seed: int) -> None:
        """Start each restart at another known model, with products of all kept pairs."""
        tower = [*TOWERS.values()][restart % len(TOWERS)]
        both = decisions(self.data.encoder.columns, self.options)
        strategy.start_from(known_model(both, tower, generator(seed, "pairs", restart)))

    def known(self) -> dict[str, Genotype]:
        """Return the known models of `--known`, unless some pairs are left out."""
        both = decisions(self.data.encoder.columns, self.options)
        if both[0].keep < len(both[0].sources):
            return {}
        return {name: Genotype(self.name, known_model(both, TOWERS[name])) for name in self._known}

    def decisions(self, generator: torch.Generator) -> tuple[tuple[Decision, ...], int]:
        return decisions(self.data.encoder.columns, self.options), 0

    def train(
        self, origin: str, genotype: Genotype, seed: int, run: RunContext
    ) -> list[TrainingResult]:
        """Train a member of the space alone. The search logs the epochs of the best training.

        Raises:
            NaspError: The genotype is of another space.
            Diverged: The training diverges.
        """
        check_genotype(genotype)
        name = origin if origin in TOWERS else f"{name_of(genotype)} of {origin}"
        try:
            return [self._trained(name, genotype, self.data, self.epochs, seed, run)]
        except Diverged as error:
            run.failed[name] = error.reason
            raise Diverged(f"{name_of(genotype)} diverges: {error.reason}") from error

    def refit(
        self, best: Sequence[TrainingResult], seed: int, run: RunContext
    ) -> Sequence[TrainingResult]:
        """Train the best function on training and validation rows, if it is the answer.

        It has the number of epochs that validation chose.
        """
        trained = best[0]
        if not self.options.refit or self.answer(trained) != FUNCTION:
            return ()
        name, epochs = f"{trained.name}, refitted", trained.epoch + 1
        return [self._trained(name, trained.genotype, self.data.for_refit(), epochs, seed, run)]

    def _trained(
        self,
        name: str,
        genotype: Genotype,
        data: ClickData,
        epochs: int,
        seed: int,
        run: RunContext,
    ) -> TrainingResult:
        network, outcome = train_alone(
            f"train {name}",
            genotype,
            data,
            self.options,
            epochs=epochs,
            generator=generator(seed, name),
            run=replace(run, log=lambda metrics, step: None),
        )
        state = network.state_dict()
        return TrainingResult(name, genotype, outcome.history, outcome.best_epoch, state)

    def answer(self, trained: TrainingResult) -> str:
        """Return what is best by validation AUC: `FUNCTION`, or the name of a trivial model."""
        valid, sizes = self.data.valid, self.data.sizes
        values = {
            name: auc(self.rates.logits(name, valid.rows, sizes).double(), valid.labels.cpu())
            for name in TRIVIAL
        }
        best = max(values, key=values.__getitem__)
        return FUNCTION if trained.metrics[self.monitor.name] > values[best] else best

    def models(self, found: SearchResult) -> tuple[ClickModel, ClickModel | None]:
        """Return the models of a search's result and of its refit, if there is one.

        A trivial answer is fitted again to training and validation rows, too.

        Both are calibrated on validation rows, by the predictions of the first.
        """
        assert found.trained is not None, "each found function is trained"
        (network, sides), valid = self._network(found.trained), self.data.valid
        temperature = temperature_of(predict_logits(network, valid.rows), valid.labels)
        answer = self.answer(found.trained)
        model = self._model(found.trained, network, sides, temperature, answer)
        if answer != FUNCTION and self.options.refit:
            again = self._model(found.trained, network, sides, temperature, answer)
            again.rates = ClickRates.fit(self.data.for_refit(), [self.rates.damping])
            return model, again
        if not found.refitted:
            return model, None
        (refitted,) = found.refitted
        return model, self._model(refitted, *self._network(refitted), temperature, answer)

    def _network(self, trained: TrainingResult) -> tuple[FieldSpace, Sides]:
        """Return a trained network, and what features add to its parameters."""
        options, encoder = space_options(self.options, FieldOptions), self.data.encoder
        network = build_network(
            trained.genotype, encoder, options, torch.Generator(), self.data.feature_matrix()
        )
        network.load_state_dict(trained.state)
        data, embeddings = self.data, network.embeddings
        sides = weights_of(embeddings, data.features, encoder.sizes, data.train.rows)
        embeddings.fold_features()
        return network.to(self.device), sides

    def _model(
        self,
        trained: TrainingResult,
        network: FieldSpace,
        sides: Sides,
        temperature: float,
        answer: str,
    ) -> ClickModel:
        return ClickModel(
            trained.genotype,
            network,
            space_options(self.options, FieldOptions),
            self.data.encoder,
            self.rates,
            temperature,
            self.data.clicked,
            search_values(self.options),
            trained.metrics.get(self.monitor.name),
            answer=answer,
            sides=sides,
            device=self.device,
        )


def known_model(
    decisions: Sequence[Decision], tower: str, generator: torch.Generator | None = None
) -> Choices:
    """Return the choices of products of pairs with a tower; with all pairs a known model.

    Args:
        decisions: The decisions `pairs` and `tower`.
        tower: The operation of the first tower; the others have none.
        generator: Draws the pairs; None takes the first ones.
    """
    pairs, towers = decisions
    order = list(range(len(pairs.sources)))
    if generator is not None:
        order = torch.randperm(len(pairs.sources), generator=generator).tolist()
    first, *others = towers.sources
    return {
        PAIRS: tuple((pairs.sources[edge], "multiply") for edge in sorted(order[: pairs.keep])),
        TOWER: ((first, tower), *((edge, NONE) for edge in others)),
    }


def name_of(genotype: Genotype) -> str:
    """Return the name of a genotype: `40 multiply, 5 max of pairs + hidden3`."""
    pairs, towers = genotype.choices[PAIRS], genotype.choices[TOWER]
    operations = [operation for _, operation in pairs]
    counted = {name: operations.count(name) for name in dict.fromkeys(operations)}
    most_first = sorted(counted.items(), key=lambda item: -item[1])
    joined = ", ".join(f"{count} {name}" for name, count in most_first)
    layered = [name for _, name in towers if name != NONE]
    return " + ".join([f"{joined} of pairs", *layered])
