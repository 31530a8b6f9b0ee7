"""Metrics: a name, a unit, and whether larger values are better."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

Metrics = dict[str, float]
"""Values by tracking name: `valid/rmse`, `test/accuracy`."""

SPLITS = {"train": "training", "valid": "validation", "test": "test"}


@dataclass(frozen=True)
class Metric:
    """A measure of a model's quality.

    Attributes:
        name: Tracking name: `rmse`, or `valid/rmse` on a split.
        larger_is_better: Whether larger values are better.
        unit: Unit of the values, for labels; empty for none.
        title: Name in tables and plots; `name` if empty.
    """

    name: str
    larger_is_better: bool = False
    unit: str = ""
    title: str = ""

    def on(self, split: str) -> Self:
        """Return the same metric on a split of the data: `train`, `valid` or `test`."""
        title = f"{SPLITS.get(split, split)} {self.title or self.name}"
        return replace(self, name=f"{split}/{self.name}", title=title)

    @property
    def label(self) -> str:
        """The title and the unit, for the axis of a plot."""
        return (self.title or self.name) + (f" ({self.unit})" if self.unit else "")

    def better(self, value: float, than: float) -> bool:
        """Whether `value` is strictly better than `than`."""
        return value > than if self.larger_is_better else value < than

    def best_position(self, values: Sequence[float]) -> int:
        """Return the position of the best value; the first one on a tie."""
        return list(values).index((max if self.larger_is_better else min)(values))

    def as_loss(self, value: float) -> float:
        """Return the value, or its negative if larger is better, so that smaller is better."""
        return -value if self.larger_is_better else value


LOSS = Metric("loss")
