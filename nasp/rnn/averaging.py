"""Averaged SGD that switches itself on (Merity, Keskar, Socher: ICLR 2018, algorithm 1)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class Averaging:
    """The mean of the weights since validation stopped to improve; it judges, and is the result.

    Args:
        weights: Of the network.
        nonmono: Averaging begins after an epoch whose validation loss is above the best of those
            before the last `nonmono`.
    """

    def __init__(self, weights: Sequence[nn.Parameter], nonmono: int) -> None:
        self.weights, self.nonmono = weights, nonmono
        self.losses: list[float] = []
        self.means: list[Tensor] | None = None
        self.count = 0

    @torch.no_grad()
    def update(self) -> None:
        """Take the weights after a step into the mean."""
        if self.means is None:
            return
        self.count += 1
        for mean, weight in zip(self.means, self.weights, strict=True):
            mean.lerp_(weight, 1 / self.count)

    def observe(self, loss: float) -> None:
        """Take note of an epoch's validation loss, and begin if it is time."""
        before = self.losses[: -self.nonmono]
        if self.means is None and before and loss > min(before):
            self.means = [weight.detach().clone() for weight in self.weights]
        self.losses.append(loss)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the network the mean, if there is one, for a while."""
        if self.count == 0 or self.means is None:
            yield
            return
        self._exchange(self.means)
        try:
            yield
        finally:
            self._exchange(self.means)

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on."""
        return {"losses": list(self.losses), "means": self.means, "count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.losses, self.count = list(state["losses"]), state["count"]
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
