"""The contract of multi-trial search."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

import torch

from nasp.core.decision import Decision
from nasp.core.genotype import Choices
from nasp.registry import NoOptions
from nasp.samplers.trial import Trial

# Standard deviation of the offsets that samplers try, in the parameters' own units. Start values of
# a network are of order 1. On MovieLens 100K functions with random offsets of 0.1 are as good as
# fresh ones, with some better; at 0.3 and above most are worse.
SPREAD = 0.1

Proposal = tuple[Choices, tuple[float, ...]]
"""The choices and the offsets of a trial."""


class Sampler(ABC):
    """Proposes architectures, one or several at a time, and learns from their scores.

    The same asks and tells make the same proposals: all chance comes from `generator`. So the state
    of a sampler is the list of its asks and tells, and a resumed search that repeats them with the
    trials that it has on file goes on as if it had never stopped.

    Args:
        decisions: What is to be decided. A sampler sees them without the operation that means
            absence, which is never kept: `self.decisions`.
        generator: Source of all its choices, on the CPU.
        continuous: Number of parameters of the space's continuous architecture; 0 if it has none.
        options: An instance of `Options`; its defaults if None.

    Attributes:
        Options: A dataclass with defaults: the options that are the sampler's own.
        learns: Whether scores change what it proposes.
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
        self._asked: dict[int, Trial] = {}  # and not told yet
        self._count = 0
        self._events: list[Any] = []
        self.prepare()

    def prepare(self) -> None:  # noqa: B027 (optional)
        """Set up what `propose` needs, once decisions, generator and options are there."""

    def ask(self, count: int = 1) -> list[Trial]:
        """The next architectures to try.

        Args:
            count: How many to propose before anything is learnt about them.
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
        """Learn how a trial ended; trials may end in any order, and some never.

        Args:
            trial: One that was asked for, with its state and score.

        Raises:
            ValueError: It was not asked for, was told before, or has not ended.
        """
        if self._asked.pop(trial.number, None) is None:
            raise ValueError(f"{trial.name} was not asked for, or was told before")
        if trial.state == "running":
            raise ValueError(f"{trial.name} has not ended")
        self._events.append([trial.number, trial.score])
        self.learn(trial)

    @abstractmethod
    def propose(self, number: int) -> Proposal:
        """The choices and offsets of the trial of a number; asks come in the order of numbers."""

    def learn(self, trial: Trial) -> None:  # noqa: B027 (optional)
        """Take in how a trial ended; nothing by default.

        Its score is infinite where it failed. A sampler that computes with scores takes the worst
        that it has seen for an infinite one; one that only compares them may take it as it is.
        """

    def state_dict(self) -> dict[str, Any]:
        """All asks and tells, as lists and numbers."""
        return {"events": list(self._events)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Repeat the asks and tells that `state_dict` returned.

        Raises:
            ValueError: This sampler was asked before: make a new one of the same arguments.
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
        """A uniform integer from 0 to `count - 1`, which fits 64 bits."""
        return int(torch.randint(count, (), generator=self.generator))


def name_choices(
    decision: Decision, edges: Iterable[int], operations: Iterable[int]
) -> tuple[tuple[str, str], ...]:
    """The `(source, operation)` pairs of positions: kept edges, ascending, and their operations."""
    return tuple(
        (decision.sources[e], decision.operations[k])
        for e, k in zip(edges, operations, strict=True)
    )
