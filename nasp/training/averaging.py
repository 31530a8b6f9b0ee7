"""Averages of weights over the steps of a training, which are evaluated in place of the last."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    """An average of weights, which can take their place.

    Args:
        weights: Weights of the network.

    Attributes:
        means: The average; None before there is any.
    """

    def __init__(self, weights: Sequence[nn.Parameter]) -> None:
        self.weights = weights
        self.means: list[Tensor] | None = None

    def begin(self) -> list[Tensor]:
        """Start from the current weights, and return them."""
        self.means = [weight.detach().clone() for weight in self.weights]
        return self.means

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Replace the network's weights by the average, if there is one, within a `with` block."""
        if self.means is None:
            yield
            return
        self._exchange(self.means)
        try:
            yield
        finally:
            self._exchange(self.means)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the average."""
        return {"means": self.means}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state that `state_dict` returned."""
        self.means = None
        if state["means"] is not None:
            self.means = [
                mean.to(weight) for mean, weight in zip(state["means"], self.weights, strict=True)
            ]

    @torch.no_grad()
    def _exchange(self, others: Sequence[Tensor]) -> None:
        for weight, other in zip(self.weights, others, strict=True):
            kept = weight.clone()
            weight.copy_(other)
            other.copy_(kept)


class MovingAverage(WeightAverage):
    """An average in which a step's weights count less the older they are.

    Args:
        weights: Weights of the network.
        steps: Number of steps after which the weights of a step count 1/e of the latest ones. Until
            then all steps count the same.
        every: Only the weights of every so many steps are added, to save time.
    """

    def __init__(self, weights: Sequence[nn.Parameter], steps: float, every: int = 1) -> None:
        super().__init__(weights)
        self.share, self.every = min(1.0, every / steps), every
        self.count = 0

    @torch.no_grad()
    def update(self) -> None:
        """Add the weights after a step."""
        self.count += 1
        if self.count % self.every:
            return
        if self.means is None:
            self.begin()
            return
        weight = max(self.share, self.every / self.count)
        torch._foreach_lerp_(self.means, [w.detach() for w in self.weights], weight)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the average."""
        return {**super().state_dict(), "count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state that `state_dict` returned."""
        super().load_state_dict(state)
        self.count = state["count"]
