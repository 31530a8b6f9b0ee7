"""Choices of an operation on each edge: Gumbel noise, temperatures, and the largest values.

The distributions are those of Maddison et al. and of Jang et al., both ICLR 2017.
"""

import torch
from torch import Tensor
from torch.nn import functional

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


def progress(position: int, epochs: int) -> float:
    """Return how far an epoch is in a search, from 0 for the first one to 1 for the last one.

    Args:
        position: Position of the epoch, from 0.
        epochs: Number of epochs.
    """
    return position / max(1, epochs - 1)


def best_of_edges(values: Tensor) -> Tensor:
    """Return one-hot rows of the largest values `(edges, operations)`, on the host."""
    best = values.detach().cpu().argmax(dim=-1)
    return functional.one_hot(best, values.shape[1]).to(values.dtype)
