"""What models are judged by."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

Metrics = dict[str, float]
"""Values by tracking name: `valid/rmse`, `test/accuracy`."""

SPLITS = {"train": "training", "valid": "validation", "test": "test"}


@dataclass(frozen=True)
class Metric:
    """A number that says how good a model is.

    Attributes:
        name: What it is tracked under: `rmse`, and `valid/rmse` on a split.
        larger_is_better: Whether a larger value is the better one.
        unit: Of its values, for people; empty for a plain number.
        title: What people call it; the name if empty.
    """

    name: str
    larger_is_better: bool = False
    unit: str = ""
    title: str = ""

    def on(self, split: str) -> Self:
        """The same metric on a split of the data: `train`, `valid` or `test`."""
        title = f"{SPLITS.get(split, split)} {self.title or self.name}"
        return replace(self, name=f"{split}/{self.name}", title=title)

    @property
    def label(self) -> str:
        """The title and the unit, for the axis of a picture."""
        return (self.title or self.name) + (f" ({self.unit})" if self.unit else "")

    def better(self, value: float, than: float) -> bool:
        """Whether a value is strictly better than another one."""
        return value > than if self.larger_is_better else value < than

    def best_position(self, values: Sequence[float]) -> int:
        """The position of the best value, the first of equals."""
        return list(values).index((max if self.larger_is_better else min)(values))

    def as_loss(self, value: float) -> float:
        """The value as a number that is the better the smaller it is."""
        return -value if self.larger_is_better else value


LOSS = Metric("loss")
