"""The contract of a task: all that is peculiar to one kind of data and network."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nasp.core.decision import Decision
from nasp.core.genotype import Genotype
from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from nasp.metric import Metric, Metrics
from nasp.runs.context import RunContext
from nasp.samplers import Trial
from nasp.strategies import Strategy
from nasp.training.seeding import generator

Pairs = Iterable[tuple[Any, Any]]
"""(training batch, validation batch) for each step."""


@dataclass(frozen=True)
class TrainingResult:
    """One network that was trained alone.

    Attributes:
        name: How the training is called in tables, pictures and the checkpoint.
        genotype: Of the network.
        history: Metrics of each epoch.
        epoch: The one whose weights were kept.
        state: These weights.
    """

    name: str
    genotype: Genotype
    history: list[Metrics]
    epoch: int
    state: Mapping[str, Tensor]

    @property
    def metrics(self) -> Metrics:
        """Those of the epoch that was kept."""
        return self.history[self.epoch]


class Task(ABC):
    """What a search, a training or a comparison asks of a kind of data and network.

    A task can be pickled, for processes that share the work.

    Attributes:
        name: Of its space, and of the folder of its configurations: `cnn`.
        options: How to search, or to train.
        device: Where to compute.
    """

    name: ClassVar[str]
    options: Any
    device: torch.device

    @property
    @abstractmethod
    def metrics(self) -> Sequence[Metric]:
        """What is measured on each split; the first is the one that is monitored."""

    @property
    def monitor(self) -> Metric:
        """What validation chooses by."""
        return self.metrics[0].on("valid")

    # A search on shared weights.

    @abstractmethod
    def space(self, generator: torch.Generator, dense: bool) -> SearchSpace:
        """The space with fresh weights, on the CPU.

        Args:
            generator: Source of the start values.
            dense: Whether all candidates run together, see `Strategy`.
        """

    @abstractmethod
    def optimizer(self, weights: list[nn.Parameter]) -> torch.optim.Optimizer:
        """The optimiser of the space's weights."""

    @abstractmethod
    def loss(self, outputs: Any, batch: Any) -> Tensor:
        """The mean loss of a batch, a scalar, given what the space returned for it."""

    @abstractmethod
    def examples(self, batch: Any) -> int:
        """How many examples the loss of a batch is the mean of."""

    @abstractmethod
    def batch_pairs(self, generator: torch.Generator) -> Pairs:
        """Start an epoch: a training batch and a validation batch for each step.

        Args:
            generator: Source of all that is drawn.
        """

    @abstractmethod
    def validate(self, space: SearchSpace, relaxation: Relaxation) -> Metrics:
        """The metrics of a relaxation on the validation data, as `valid/<name>`."""

    def schedule(  # noqa: B027 (optional)
        self, optimizer: torch.optim.Optimizer, position: int
    ) -> None:
        """Set the learning rate of an epoch, given its position."""

    def choose_start(self, strategy: Strategy, restart: int, seed: int) -> None:  # noqa: B027 (optional)
        """Choose where the search of a restart begins."""

    def restart_generator(self, seed: int, restart: int) -> torch.Generator:
        """The random numbers of a restart."""
        return generator(seed, "search", *([restart] if restart else []))

    @property
    def gradient_clip(self) -> float | None:
        """Largest norm of the weights' gradient; None does not clip."""
        clip: float | None = self.options.gradient_clip
        return clip

    @property
    def max_seconds(self) -> float | None:
        """Time budget of a search; None sets none."""
        return None

    # Architectures that are trained alone.

    @abstractmethod
    def decisions(self, generator: torch.Generator) -> tuple[tuple[Decision, ...], int]:
        """What a sampler decides: the decisions, and the number of continuous parameters.

        Args:
            generator: The sampler's, from which a task may draw before it does.
        """

    def genotype(self, trial: Trial, seed: int) -> Genotype:
        """The genotype of what a sampler proposed."""
        return Genotype(self.name, trial.choices)

    @abstractmethod
    def train(
        self, origin: str, genotype: Genotype, seed: int, run: RunContext
    ) -> list[TrainingResult]:
        """Train an architecture alone, in one way or several.

        Args:
            origin: The search or trial that it comes from: tells phases and random numbers apart.
            genotype: The architecture.
            seed: Fixes everything that is drawn at random.
            run: Checkpoint, progress and log. `run.failed` takes the ways that diverged.

        Raises:
            Diverged: All ways diverged.
        """
