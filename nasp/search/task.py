"""`Task`, the contract between searches and one kind of data and network."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nasp.core.decision import Decision
from nasp.core.genotype import Genotype
from nasp.core.limit import Limit
from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from nasp.metric import Metric, Metrics
from nasp.runs.context import RunContext
from nasp.samplers import Trial
from nasp.samplers.limits import even_path
from nasp.strategies import Strategy
from nasp.training.seeding import generator

Pairs = Iterable[tuple[Any, Any]]
"""(training batch, validation batch) for each step."""


@dataclass(frozen=True)
class TrainingResult:
    """The outcome of a stand-alone training.

    Attributes:
        name: Name of the training in tables, plots and the checkpoint.
        genotype: Genotype of the network.
        history: Metrics of each epoch.
        epoch: Position of the epoch whose weights were kept.
        state: The weights of that epoch.
    """

    name: str
    genotype: Genotype
    history: list[Metrics]
    epoch: int
    state: Mapping[str, Tensor]

    @property
    def metrics(self) -> Metrics:
        """The metrics of the epoch whose weights were kept."""
        return self.history[self.epoch]


class Task(ABC):
    """A kind of data and network, for searches, stand-alone trainings and comparisons.

    A task can be pickled, for executors that use other processes.

    Attributes:
        name: Name of its space, and of the folder of its configurations, for example `cnn`.
        options: Options of the search or training.
        device: Device of the computation.
        limits: Limits that architectures must keep; see `prepare`.
    """

    name: ClassVar[str]
    options: Any
    device: torch.device
    limits: tuple[Limit, ...] = ()

    def prepare(self, run: RunContext) -> None:  # noqa: B027 (optional)
        """Set up `limits`, before the first search or trial of a run.

        Args:
            run: What is measured is kept in its checkpoint, so that a resumed run has the same
                limits.

        Raises:
            NaspError: No architecture keeps a limit.
        """

    @property
    @abstractmethod
    def metrics(self) -> Sequence[Metric]:
        """The metrics of each split; validation selects by the first one."""

    @property
    def monitor(self) -> Metric:
        """The validation metric that selects epochs, architectures and trials."""
        return self.metrics[0].on("valid")

    @property
    def scheduled(self) -> Sequence[str]:
        """What depends on the number of epochs, for example `the learning rate`."""
        return ()

    # A search on shared weights.

    @abstractmethod
    def space(self, generator: torch.Generator, dense: bool) -> SearchSpace:
        """Return the search space with new weights, on the CPU.

        Args:
            generator: Draws the initial weights.
            dense: Whether all edges of a node run; see `Strategy`.
        """

    @abstractmethod
    def optimizer(self, weights: list[nn.Parameter]) -> torch.optim.Optimizer:
        """Return the optimiser of the space's weights."""

    @abstractmethod
    def loss(self, outputs: Any, batch: Any) -> Tensor:
        """Return the mean loss of a batch, a scalar, from the space's outputs."""

    @abstractmethod
    def examples(self, batch: Any) -> int:
        """Return the number of examples that the loss of a batch averages."""

    @abstractmethod
    def batch_pairs(self, generator: torch.Generator) -> Pairs:
        """Return the batches of an epoch: a training and a validation batch for each step.

        Args:
            generator: Draws the order and the augmentation.
        """

    @abstractmethod
    def validate(self, space: SearchSpace, relaxation: Relaxation) -> Metrics:
        """Return the metrics of a relaxation on the validation data, named `valid/<name>`."""

    def schedule(  # noqa: B027 (optional)
        self, optimizer: torch.optim.Optimizer, position: int
    ) -> None:
        """Set the learning rate for the epoch at a position; constant by default."""

    def choose_start(self, strategy: Strategy, restart: int, seed: int) -> None:  # noqa: B027 (optional)
        """Set the architecture at which a restart begins; the strategy's own by default."""

    def warm_up_relaxation(self, strategy: Strategy, generator: torch.Generator) -> Relaxation:
        """Return the relaxation for a step of the weights in the warm-up.

        By default it is a path that is drawn evenly, so that the weights of all candidates learn.
        For a strategy that runs all edges it is the strategy's own.

        Args:
            strategy: The strategy.
            generator: Draws the path.
        """
        if strategy.dense:
            return strategy.weight_relaxation()
        return even_path(strategy.space, generator, strategy.device)

    def restart_generator(self, seed: int, restart: int) -> torch.Generator:
        """Return the random generator of a restart."""
        return generator(seed, "search", *([restart] if restart else []))

    @property
    def gradient_clip(self) -> float | None:
        """Largest norm of the weights' gradient; None does not clip."""
        clip: float | None = self.options.gradient_clip
        return clip

    @property
    def max_seconds(self) -> float | None:
        """Time limit of a search in seconds; None for no limit."""
        return None

    # Architectures that are trained alone.

    @property
    def kept(self) -> int:
        """Number of trainings, the best ones, that a search's result holds."""
        return 1

    def known(self) -> Mapping[str, Genotype]:
        """Return known architectures by name, which are trained beside those that are found."""
        return {}

    @abstractmethod
    def decisions(self, generator: torch.Generator) -> tuple[tuple[Decision, ...], int]:
        """Return the decisions, and the number of parameters of the continuous architecture.

        Args:
            generator: The sampler's generator; a task may draw from it first.
        """

    def genotype(self, trial: Trial, seed: int) -> Genotype:
        """Return the genotype of a sampler's proposal."""
        return Genotype(self.name, trial.choices)

    @abstractmethod
    def train(
        self, origin: str, genotype: Genotype, seed: int, run: RunContext
    ) -> list[TrainingResult]:
        """Train an architecture alone, in one or several ways.

        Args:
            origin: Name of the search or trial that it comes from. Phases and random numbers of
                different origins differ.
            genotype: The architecture.
            seed: Determines all random numbers.
            run: Checkpoint, progress and log. `run.failed` gets the ways that diverged.

        Raises:
            Diverged: All ways diverged.
        """

    def refinable(self, ranked: Sequence[tuple[Genotype, float]]) -> Sequence[Genotype]:
        """Return the trained architectures to `refine`.

        Args:
            ranked: The architectures and their scores, which are minimised, best first.
        """
        return ()

    def refine(
        self, origin: str, genotype: Genotype, seed: int, run: RunContext
    ) -> list[TrainingResult]:
        """Train an architecture in further ways, which cost too much for all; see `train`."""
        raise NotImplementedError

    def refit(
        self, best: Sequence[TrainingResult], seed: int, run: RunContext
    ) -> Sequence[TrainingResult]:
        """Train the answer on training and validation data together.

        Args:
            best: The best trainings on training data alone, best first, `kept` of them at most. By
                them validation chose the way to train and the number of epochs.
            seed: See `train`.
            run: See `train`.

        Returns:
            The trainings: one, or those of an average; none if the task has no refit.
        """
        return ()
