"""Non-monotonically triggered averaged SGD (Merity, Keskar, Socher: ICLR 2018, algorithm 1)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class Averaging:
    """Running mean of the weights from when validation stops improving; evaluated and returned.

    Args:
        weights: Weights of the network.
        nonmono: Averaging begins after an epoch whose validation loss is above the smallest loss of
            all epochs but the last `nonmono`.
    """

    def __init__(self, weights: Sequence[nn.Parameter], nonmono: int) -> None:
        self.weights, self.nonmono = weights, nonmono
        self.losses: list[float] = []
        self.means: list[Tensor] | None = None
        self.count = 0

    @torch.no_grad()
    def update(self) -> None:
        """Add the weights after a step to the mean."""
        if self.means is None:
            return
        self.count += 1
        for mean, weight in zip(self.means, self.weights, strict=True):
            mean.lerp_(weight, 1 / self.count)

    def observe(self, loss: float) -> None:
        """Record an epoch's validation loss, and begin averaging if the condition holds."""
        before = self.losses[: -self.nonmono]
        if self.means is None and before and loss > min(before):
            self.means = [weight.detach().clone() for weight in self.weights]
        self.losses.append(loss)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Replace the network's weights by the mean, if there is one, within a `with` block."""
        if self.count == 0 or self.means is None:
            yield
            return
        self._exchange(self.means)
        try:
            yield
        finally:
            self._exchange(self.means)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the averaging."""
        return {"losses": list(self.losses), "means": self.means, "count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state that `state_dict` returned."""
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
