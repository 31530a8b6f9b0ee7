"""One architecture that is tried: what it is, and how it went."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from nasp.core.genotype import Choices, Genotype
from nasp.metric import Metrics

State = Literal["running", "complete", "failed", "pruned"]


@dataclass(frozen=True)
class Trial:
    """An architecture to try, or that was tried.

    Attributes:
        number: Position among those of its kind, from 0.
        choices: For each decision the kept `(source, operation)` pairs, in the order of sources.
        offsets: The continuous architecture, as deviations in the parameters' own units from one
            fixed, seeded start of the space's, flattened in the order of
            `SearchSpace.architecture()`: either `continuous` numbers, or none, and then the space
            draws its continuous architecture fresh for each trial.
        kind: What is tried: the `trial` of a sampler, a `search` on shared weights, which finds
            its own choices, or a `finalist` of such searches.
        origin: The search that a finalist comes from; empty for all others.
        state: How far it is.
        score: What the search minimises; infinite unless the trial is complete.
        genotype: Of the network that was trained, once the trial has ended.
        metrics: Of that network.
        histories: Metrics by epoch of what was trained, by the names of the trainings.
        seconds: Wall time of the training.
        reason: Why it failed, or was pruned.
        failures: Why single trainings of a complete trial failed, by their names.
    """

    number: int
    choices: Choices = field(default_factory=dict)
    offsets: tuple[float, ...] = ()
    kind: str = "trial"
    origin: str = ""
    state: State = "running"
    score: float = math.inf
    genotype: Genotype | None = None
    metrics: Metrics = field(default_factory=dict)
    histories: Mapping[str, Sequence[Metrics]] = field(default_factory=dict)
    seconds: float = 0.0
    reason: str = ""
    failures: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """How it is called: `trial 1` is the first."""
        return f"{self.kind} {self.number + 1}"

    def completed(self, score: float, metrics: Metrics | None = None) -> Self:
        """The same trial, which has a score now; one that is no number is a failure."""
        if not math.isfinite(score):
            return self.failed(f"its score is {score}: lower the learning rate")
        return replace(self, state="complete", score=score, metrics=dict(metrics or {}))

    def failed(self, reason: str) -> Self:
        """The same trial, which has no score."""
        return replace(self, state="failed", score=math.inf, reason=reason)
