"""Partial channels: candidates on a part of the channels (PC-DARTS, arXiv 1907.05737, §3.2)."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from nasp.core.relaxation import Relaxation, Run


class PartialChannels:
    """Splits states into channels that pass the candidates and channels that pass them by.

    Args:
        share: Of how many channels one passes the candidates; 1 for all channels.
    """

    def __init__(self, share: int = 1) -> None:
        self.share = share

    def width(self, channels: int) -> int:
        """Return the number of channels that candidates get."""
        return channels // self.share

    def passing(self, state: Tensor) -> Tensor:
        """Return the first channels, `(batch, channels / share, height, width)`."""
        return state[:, : self.width(state.shape[1])]

    def bypass(self, state: Tensor, halve: bool = False) -> Tensor:
        """Return the other channels, max-pooled if candidates halve height and width."""
        rest = state[:, self.width(state.shape[1]) :]
        return functional.max_pool2d(rest, 2) if halve else rest

    def mix(
        self, relaxation: Relaxation, name: str, run: Run, bypass: Callable[[int], Tensor]
    ) -> Tensor:
        """Return a node's value, `(batch, channels, height, width)`.

        The bypassed channels of an edge have the weight of its candidates together. They are mixed
        with the candidates' weights, too, so that these get the whole gradient, and are then
        shuffled with the others, so that the next node's candidates get a part of both.

        Args:
            relaxation: The weights of the candidates.
            name: The decision's name.
            run: Evaluates a candidate on the first channels.
            bypass: Returns the other channels of an edge's input.
        """
        mixed = relaxation.mix(name, run)
        if self.share == 1:
            return mixed
        rest = relaxation.mix(name, lambda edge, k: bypass(edge))
        return torch.channel_shuffle(torch.cat([mixed, rest], 1), self.share)
