"""An interaction operation that is neither commutative nor element-wise: attention weights."""

from collections.abc import Sequence
from functools import reduce

from torch import Tensor

from sif.nn.operations import OPERATIONS, Operation


def attend(parts: Sequence[Tensor]) -> Tensor:
    """Weight the second operand by the softmax of the first, and so on, `(..., embedding_dim)`."""
    return reduce(lambda first, second: first.softmax(-1) * second, parts)


OPERATIONS.add("attend", Operation(attend, ordered=True))
