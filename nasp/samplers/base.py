"""`Sampler`, the contract of strategies that train each architecture alone."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

import torch

from nasp.core.decision import Decision
from nasp.core.genotype import Choices
from nasp.registry import NoOptions
from nasp.samplers.trial import Trial

# Standard deviation of the offsets that samplers propose. Initial values are of order 1. On
# MovieLens 100K, functions with random offsets of 0.1 are as good as freshly drawn ones and some
# are better; at 0.3 and above most are worse.
SPREAD = 0.1

Proposal = tuple[Choices, tuple[float, ...]]
"""The choices and the offsets of a trial."""


class Sampler(ABC):
    """Proposes architectures, one or several at a time, and learns from their scores.

    All random numbers come from `generator`, so the same asks and tells lead to the same proposals.
    The state of a sampler is therefore the list of its asks and tells. A resumed search repeats
    them with the trials that it has on file, and continues as if it had not stopped.

    Args:
        decisions: The decisions of the space. `self.decisions` leaves out the operations that mean
            "no connection", because they are never kept.
        generator: Source of all random numbers, on the CPU.
        continuous: Number of parameters of the space's continuous architecture.
        options: An instance of `Options`; the defaults if None.

    Attributes:
        Options: A dataclass of the sampler's own options, with defaults.
        learns: Whether the proposals depend on earlier scores.
    """

    Options: ClassVar[type[Any]] = NoOptions
    learns: ClassVar[bool] = True

    def __init__(
        self,
        decisions: tuple[Decision, ...],
        generator: torch.Generator,
        continuous: int = 0,
        options: Any = None,
    ) -> None:
        self.decisions = tuple(d.without_absent() for d in decisions)
        self.generator = generator
        self.continuous = continuous
        self.options = self.Options() if options is None else options
        self._asked: dict[int, Trial] = {}  # asked for, and not told yet
        self._count = 0
        self._events: list[Any] = []
        self.prepare()

    def prepare(self) -> None:  # noqa: B027 (optional)
        """Set up the sampler's state. Decisions, generator and options are set before."""

    def ask(self, count: int = 1) -> list[Trial]:
        """Return the next architectures to try.

        Args:
            count: Number of architectures, which are proposed before the score of any is known.
        """
        self._events.append(count)
        trials = []
        for _ in range(count):
            trial = Trial(self._count, *self.propose(self._count))
            self._asked[trial.number] = trial
            self._count += 1
            trials.append(trial)
        return trials

    def tell(self, trial: Trial) -> None:
        """Report a trial that has ended. Trials may end in any order, and some may never end.

        Args:
            trial: A trial that `ask` returned, with its state and score.

        Raises:
            ValueError: The trial was not asked for, was told before, or has not ended.
        """
        if self._asked.pop(trial.number, None) is None:
            raise ValueError(f"{trial.name} was not asked for, or was told before")
        if trial.state == "running":
            raise ValueError(f"{trial.name} has not ended")
        self._events.append([trial.number, trial.score])
        self.learn(trial)

    @abstractmethod
    def propose(self, number: int) -> Proposal:
        """Return the choices and offsets of trial `number`; called in the order of numbers."""

    def learn(self, trial: Trial) -> None:  # noqa: B027 (optional)
        """Update the sampler by a trial that has ended; does nothing by default.

        The score of a failed trial is infinite. A sampler that computes with scores replaces it by
        the worst finite score so far; a sampler that only compares scores need not.
        """

    def state_dict(self) -> dict[str, Any]:
        """Return all asks and tells, as lists and numbers."""
        return {"events": list(self._events)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Repeat the asks and tells that `state_dict` returned.

        Raises:
            ValueError: This sampler was asked before; make a new one with the same arguments.
        """
        if self._events:
            raise ValueError("the state goes into a sampler that was not asked yet")
        for event in state["events"]:
            if isinstance(event, int):
                self.ask(event)
            else:
                number, score = event
                trial = self._asked[number]
                ended = trial.completed(score) if math.isfinite(score) else trial.failed("")
                self.tell(ended)

    def _below(self, count: int) -> int:
        """Draw a uniform integer from 0 to `count - 1`, where `count` fits 64 bits."""
        return int(torch.randint(count, (), generator=self.generator))


def name_choices(
    decision: Decision, edges: Iterable[int], operations: Iterable[int]
) -> tuple[tuple[str, str], ...]:
    """Return the `(source, operation)` pairs of kept edges, ascending, and their operations."""
    return tuple(
        (decision.sources[e], decision.operations[k])
        for e, k in zip(edges, operations, strict=True)
    )
