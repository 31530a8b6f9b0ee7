"""The losses of an epoch."""

import torch
from torch import Tensor

from nasp.core.parallel import average

BLOCK = 1024


class Losses:
    """Mean losses of batches, kept on their device, so that no step waits for it.

    A list of all of them would keep a few bytes of every step, from between the step's large
    temporaries: memory in pieces that the allocator cannot use again, 0.4 MB a step with batches
    of 8192.
    """

    def __init__(self) -> None:
        self.blocks: list[Tensor] = []
        self.latest: list[Tensor] = []
        self.counts: list[int] = []

    def append(self, loss: Tensor, count: int) -> None:
        """Add the loss of a step.

        Args:
            loss: The mean over a batch, a scalar.
            count: How many examples that is over.
        """
        self.counts.append(count)
        self.latest.append(loss.detach())
        if len(self.latest) == BLOCK:
            self.blocks.append(torch.stack(self.latest))
            self.latest = []

    def mean(self) -> float:
        """The mean over all examples, those of other processes included; NaN if there are none."""
        rest = [torch.stack(self.latest)] if self.latest else []
        if not self.counts:
            return float("nan")
        losses = torch.cat([*self.blocks, *rest])
        counts = torch.tensor(self.counts, dtype=torch.float64)
        mean = torch.dot(losses, (counts / counts.sum()).to(losses))
        average([mean])  # every process has as many examples
        return float(mean)
