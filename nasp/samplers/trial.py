"""`Trial`, one training of an architecture and its outcome."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from nasp.core.genotype import Choices, Genotype
from nasp.metric import Metrics

State = Literal["running", "complete", "failed", "pruned"]


@dataclass(frozen=True)
class Trial:
    """An architecture to train and evaluate, with the outcome once it has ended.

    Attributes:
        number: Position among the trials of its kind, from 0.
        choices: The kept `(source, operation)` pairs of each decision, in the order of sources.
        offsets: Offsets of the continuous architecture from a fixed start, which the seed
            determines, flattened in the order of `SearchSpace.architecture()`. If empty, the space
            draws the continuous architecture anew for each trial.
        kind: `trial` for a sampler's proposal, `search` for a search on shared weights, which finds
            its own choices, `finalist` for a finalist of such searches, `known` for a known
            architecture, or `refinement` for further trainings of one of the best.
        origin: Name of the search that found the architecture, or of the known architecture; empty
            for a sampler's proposal and for a search.
        state: State of the trial.
        score: The value that the search minimises; infinite unless the trial is complete.
        genotype: Genotype of the trained network, once the trial has ended.
        metrics: Metrics of the trained network.
        histories: Metrics of each epoch, by the names of the trainings.
        seconds: Wall time of the trainings.
        reason: Why the trial failed or was pruned.
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
        """The trial's name; the first one is `trial 1`."""
        return f"{self.kind} {self.number + 1}"

    def completed(self, score: float, metrics: Metrics | None = None) -> Self:
        """Return the same trial as complete, or as failed if the score is not finite."""
        if not math.isfinite(score):
            return self.failed(f"its score is {score}: lower the learning rate")
        return replace(self, state="complete", score=score, metrics=dict(metrics or {}))

    def failed(self, reason: str) -> Self:
        """Return the same trial as failed."""
        return replace(self, state="failed", score=math.inf, reason=reason)
