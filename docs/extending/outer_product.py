"""An interaction operation with a wider output: the outer product (arXiv 1808.03912)."""

from collections.abc import Sequence
from functools import reduce

from torch import Tensor

from sif.nn.operations import OPERATIONS, Operation


def outer_product(parts: Sequence[Tensor]) -> Tensor:
    """Return all products of one element of each operand, `(..., embedding_dim ** parts)`."""
    return reduce(lambda a, b: (a.unsqueeze(-1) * b.unsqueeze(-2)).flatten(-2), parts)


def width(embedding_dim: int, parts: int) -> int:
    """Return the number of products."""
    return int(embedding_dim**parts)


OPERATIONS.add("outer_product", Operation(outer_product, wide=width))
