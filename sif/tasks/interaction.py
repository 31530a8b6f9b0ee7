"""`InteractionTask`, what tasks in the interaction space share."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import ClassVar, Protocol

import torch
from torch import nn

from nasp.core.decision import Decision
from nasp.core.genotype import Genotype
from nasp.samplers import Trial
from nasp.search import Task
from nasp.strategies import Strategy
from nasp.training.seeding import generator
from sif.fit import adagrad
from sif.nn.encoders import RatingGraph
from sif.nn.operations import OPERATIONS, entity_names
from sif.nn.space import DECISION, InteractionSpace
from sif.options import ENCODERS, SearchOptions, TrainOptions

MEETINGS = ("multiply", "max", "min")
"""Operations in which users and items meet: a sum of embeddings adds nothing to biases."""


class GraphData(Protocol):
    """Training data of users and items."""

    def graph(self) -> RatingGraph:
        """Return the graph of the users and items of the training data."""


class InteractionTask(Task):
    """A search for an interaction function, or the training of one, for any objective.

    Attributes:
        data: Training and validation data.
        kind: Class of the space.
        sizes: Number of users, items, ...
    """

    options: SearchOptions | TrainOptions
    data: GraphData
    kind: ClassVar[type[InteractionSpace]] = InteractionSpace
    sizes: tuple[int, ...]

    @property
    def _search(self) -> SearchOptions:
        assert isinstance(self.options, SearchOptions)
        return self.options

    @cached_property
    def graph(self) -> RatingGraph:
        """The graph of the training data."""
        return self.data.graph()

    def _graph(self, encoders: Iterable[str], data: GraphData | None = None) -> RatingGraph | None:
        """Return the graph of the task's data, or of other data, if an encoder needs it."""
        if not any(ENCODERS[name].needs_graph for name in encoders):
            return None
        return self.graph if data is None or data is self.data else data.graph()

    def optimizer(self, weights: list[nn.Parameter]) -> torch.optim.Optimizer:
        return adagrad([{"params": weights}], self.options)

    def restart_generator(self, seed: int, restart: int) -> torch.Generator:
        return generator(seed, "search", restart)

    def choose_start(self, strategy: Strategy, restart: int, seed: int) -> None:
        """Start each restart at another function, and at other encoders.

        In a one-path search, embeddings adapt to the path that runs, so the result of a single
        search depends strongly on its start. With biases, the user meets the others there by the
        operations in `MEETINGS`, in their order; without, these are the single operations in a
        random order.
        """
        (decision,) = strategy.space.decisions
        meetings = self._meetings(decision.operations) if self.options.biases else []
        if meetings:
            function = meetings[restart % len(meetings)]
        else:
            # Functions of a single operation come first.
            simple = decision.operations[: len(OPERATIONS)]
            (function,) = _in_turn(simple, restart, 1, generator(seed, "order"))
        encoders = _in_turn(decision.sources, restart, decision.keep, generator(seed, "encoders"))
        strategy.start_from({DECISION: tuple((encoder, function) for encoder in encoders)})

    def _meetings(self, candidates: Sequence[str]) -> list[str]:
        """Return those of some functions in which the user meets all others by one operation.

        With contexts it meets their sum with the item: a product of three small embeddings has
        almost no gradient.
        """
        user, *others = entity_names(len(self.sizes))
        rest = f"(plus({','.join(others)}),{user})" if len(others) > 1 else ""
        return [name for name in (operation + rest for operation in MEETINGS) if name in candidates]

    def decisions(self, generator: torch.Generator) -> tuple[tuple[Decision, ...], int]:
        template = self.space(generator, dense=False)
        return template.decisions, sum(p.numel() for p in template.architecture())

    def genotype(self, trial: Trial, seed: int) -> Genotype:
        """Return a proposal's genotype; its MLPs are drawn anew, or offsets from a fixed start."""
        start = generator(seed, "mlps", 0 if trial.offsets else trial.number)
        space = self.kind(self.sizes, self.options, start)
        if trial.offsets:
            space.move(trial.offsets)
        return space.genotype(trial.choices)


def _in_turn(names: Sequence[str], first: int, count: int, generator: torch.Generator) -> list[str]:
    """Return some successive names of a random order, which is repeated."""
    order = torch.randperm(len(names), generator=generator).tolist()
    return [names[order[(first + n) % len(names)]] for n in range(count)]
