"""Non-monotonically triggered averaged SGD (Merity, Keskar, Socher: ICLR 2018, algorithm 1)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from nasp.training.averaging import WeightAverage


class Averaging(WeightAverage):
    """Running mean of the weights from when validation stops improving; evaluated and returned.

    Args:
        weights: Weights of the network.
        nonmono: Averaging begins after an epoch whose validation loss is above the smallest loss of
            all epochs but the last `nonmono`.
    """

    def __init__(self, weights: Sequence[nn.Parameter], nonmono: int) -> None:
        super().__init__(weights)
        self.nonmono = nonmono
        self.losses: list[float] = []
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
            self.begin()
        self.losses.append(loss)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the averaging."""
        return {**super().state_dict(), "losses": list(self.losses), "count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state that `state_dict` returned."""
        super().load_state_dict(state)
        self.losses, self.count = list(state["losses"]), state["count"]
