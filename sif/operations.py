"""How embeddings meet: the operations of the interaction function (SIF, arXiv 1906.12091, §4.1)."""

from collections.abc import Callable
from functools import reduce

import torch
from torch import Tensor


def _max(a: Tensor, b: Tensor) -> Tensor:
    # torch.maximum splits the gradient of ties, which makes its backward pass several times slower.
    return torch.where(a > b, a, b)


def _min(a: Tensor, b: Tensor) -> Tensor:
    return torch.where(a < b, a, b)


OPERATIONS: dict[str, Callable[[tuple[Tensor, ...]], Tensor]] = {
    "plus": lambda parts: reduce(torch.add, parts),
    "multiply": lambda parts: reduce(torch.mul, parts),
    "max": lambda parts: reduce(_max, parts),
    "min": lambda parts: reduce(_min, parts),
    "concat": lambda parts: torch.cat(parts, dim=-1),
}
"""By name: N embeddings `(ratings, embedding_dim)` in, one vector `(ratings, width)` out."""


def width(operation: str, entities: int, embedding_dim: int) -> int:
    """Size of an operation's output vector, and so of its linear head."""
    return entities * embedding_dim if operation == "concat" else embedding_dim
