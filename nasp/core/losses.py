"""The losses of an epoch."""

import torch
from torch import Tensor

FIRST = 1024


class Losses:
    """Losses of steps, kept on their device in one tensor, so that no step waits for it.

    A list of them would keep a few bytes of every step, from between the step's large temporaries:
    memory in pieces that the allocator cannot use again, 0.4 MB a step with batches of 8192.
    """

    def __init__(self) -> None:
        self.values, self.count = torch.empty(0), 0

    def append(self, loss: Tensor) -> None:
        """Add the loss of a step, a scalar."""
        if self.count == len(self.values):
            longer = loss.new_empty(max(FIRST, 2 * self.count))
            longer[: self.count] = self.values
            self.values = longer
        self.values[self.count] = loss.detach()
        self.count += 1

    def mean(self) -> float:
        """The mean of all, NaN if there are none."""
        return float(self.values[: self.count].mean())
