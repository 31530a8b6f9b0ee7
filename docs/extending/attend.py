"""An interaction that is neither commutative nor element-wise: one embedding weighs another."""

from collections.abc import Sequence
from functools import reduce

from torch import Tensor

from sif.nn.operations import OPERATIONS, Operation


def attend(parts: Sequence[Tensor]) -> Tensor:
    """The second part weighted by the first one's softmax, and so on, `(..., embedding_dim)`."""
    return reduce(lambda first, second: first.softmax(-1) * second, parts)


OPERATIONS.add("attend", Operation(attend, ordered=True))
