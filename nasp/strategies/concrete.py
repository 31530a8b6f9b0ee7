"""Draws of relaxed choices: Gumbel noise, and temperatures that fall over a search.

The distributions are those of Maddison et al. and of Jang et al., both ICLR 2017.
"""

import torch
from torch import Tensor

from nasp.errors import NaspError


def gumbel(like: Tensor, generator: torch.Generator) -> Tensor:
    """Draw Gumbel noise, in the shape, type and place of a tensor.

    The position of the largest sum of logits and noise has the probability of their softmax.
    """
    return -torch.empty(like.shape).exponential_(generator=generator).log().to(like)


def check_range(name: str, values: tuple[float, float]) -> None:
    """Check the temperatures of the first and of the last epoch.

    Raises:
        NaspError: One is not positive, or they rise.
    """
    first, last = values
    if not first >= last > 0:
        raise NaspError(f"{name} is {list(values)}; it must be two numbers, first >= last > 0")


def linear(values: tuple[float, float], position: int, epochs: int) -> float:
    """Return the value at an epoch, on a line from the first epoch to the last one.

    Args:
        values: The values in the first and in the last epoch.
        position: Position of the epoch, from 0.
        epochs: Number of epochs.
    """
    first, last = values
    return first + (last - first) * position / max(1, epochs - 1)


def geometric(values: tuple[float, float], position: int, epochs: int) -> float:
    """Return the value at an epoch, with the same factor from each epoch to the next one.

    Args:
        values: The values in the first and in the last epoch.
        position: Position of the epoch, from 0.
        epochs: Number of epochs.
    """
    first, last = values
    return float(first * (last / first) ** (position / max(1, epochs - 1)))
