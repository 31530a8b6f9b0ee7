"""Sums of functions of pairs of fields, evaluated in few large products.

The sum of many functions `head · op(e_a, e_b)` is a linear function of the embeddings, plus
products, plus absolute differences, because `max(a, b) = (a + b + |a − b|) / 2`, and `min` is the
same with a minus. So the heads of all functions are added up first.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter

import torch
from torch import Tensor

from sif.nn.operations import OPERATIONS

CHUNK = 1 << 20  # numbers in a temporary tensor of pairs, few enough for the processor's cache
EXTREMES = {"max": 1.0, "min": -1.0}  # the sign of the difference


def width(operation: str, embedding_dim: int) -> int:
    """Return the length of a pair's function, which is that of its head."""
    wide = OPERATIONS[operation].wide
    return embedding_dim if wide is None else wide(embedding_dim, 2)


def meet(embeddings: Tensor, functions: Sequence[tuple[int, int, str]], heads: Tensor) -> Tensor:
    """Return `Σ head · op(e_a, e_b)` over functions of pairs of fields.

    Args:
        embeddings: `(fields, rows, dim)`.
        functions: The two fields and the operation of each function, one or more.
        heads: The head of each function, padded at the end, `(functions, any)`.

    Returns:
        `(rows,)`.
    """
    places: dict[str, list[int]] = {}
    for place, (_, _, operation) in enumerate(functions):
        places.setdefault(operation, []).append(place)
    ends = torch.tensor([function[:2] for function in functions]).T.to(heads.device)
    apart = sorted({(a, b) for a, b, operation in functions if operation in EXTREMES})
    total = _Total(embeddings, apart)
    for operation, chosen in places.items():
        at = torch.tensor(chosen, device=heads.device)
        used = heads[:, : width(operation, embeddings.shape[2])].index_select(0, at)
        left, right = ends.index_select(1, at)
        if operation in KNOWN:
            KNOWN[operation](total, left, right, used)
        else:
            total.add_other(operation, left, right, used)
    return total.value()


class _Total:
    """Adds up functions of pairs by their heads.

    Args:
        embeddings: `(fields, rows, dim)`.
        apart: The pairs of fields whose differences are needed, sorted.
    """

    def __init__(self, embeddings: Tensor, apart: Sequence[tuple[int, int]]) -> None:
        self.embeddings, self.apart = embeddings, apart
        fields, self.rows, self.dim = embeddings.shape
        self.linear: list[Tensor] = []  # weights of all elements, (fields, dim)
        self.products: list[Tensor] = []  # weights of products of elements, (fields, fields, dim)
        self.differences: list[Tensor] = []  # weights of absolute differences, likewise
        self.others: list[Tensor] = []  # values, (rows,)
        self.zero = embeddings.new_zeros(fields, fields, self.dim)

    def add_linear(self, ends: Tensor, heads: Tensor) -> None:
        """Add weights of the embeddings of fields."""
        self.linear.append(self.zero[0].index_add(0, ends, heads))

    def matrix(self, left: Tensor, right: Tensor, heads: Tensor) -> Tensor:
        """Return the heads of pairs as a matrix, `(fields, fields, dim)`."""
        return self.zero.index_put((left, right), heads)

    def add_extreme(self, left: Tensor, right: Tensor, heads: Tensor, sign: float) -> None:
        """Add maxima or minima."""
        half = heads / 2
        self.add_linear(left, half)
        self.add_linear(right, half)
        self.differences.append(self.matrix(left, right, sign * half))

    def add_other(self, operation: str, left: Tensor, right: Tensor, heads: Tensor) -> None:
        """Apply any operation to each pair, some pairs at a time."""
        at_once = max(1, CHUNK // max(1, self.rows * heads.shape[1]))
        parts = (torch.split(tensor, at_once) for tensor in (left, right, heads))
        for a, b, head in zip(*parts, strict=True):
            operands = (self.embeddings.index_select(0, ends) for ends in (a, b))
            met = OPERATIONS[operation](tuple(operands))
            self.others.append(met.bmm(head.unsqueeze(2)).sum((0, 2)))

    def value(self) -> Tensor:
        """Return the sum, `(rows,)`."""
        values, embeddings = self.others, self.embeddings
        if self.linear:
            weights = torch.stack(self.linear).sum(0)
            values.append(embeddings.transpose(0, 1).flatten(1).mv(weights.flatten()))
        if self.products:
            # A quadratic form for each dimension. A reduction over the first dimensions is faster
            # than one over the last.
            matrices = torch.stack(self.products).sum(0).permute(2, 0, 1)
            by_dimension = embeddings.permute(2, 0, 1).contiguous()  # (dim, fields, rows)
            values.append((matrices.bmm(by_dimension) * by_dimension).sum((0, 1)))
        if self.differences:
            weights = torch.stack(self.differences).sum(0)
            for left, pairs in groupby(self.apart, key=itemgetter(0)):
                rights = torch.tensor([right for _, right in pairs], device=weights.device)
                apart = (embeddings.index_select(0, rights) - embeddings[left]).abs()
                heads = weights[left].index_select(0, rights)
                values.append(apart.bmm(heads.unsqueeze(2)).sum((0, 2)))
        return torch.stack(values).sum(0)


Add = Callable[[_Total, Tensor, Tensor, Tensor], None]


def _plus(total: _Total, left: Tensor, right: Tensor, heads: Tensor) -> None:
    total.add_linear(left, heads)
    total.add_linear(right, heads)


def _concat(total: _Total, left: Tensor, right: Tensor, heads: Tensor) -> None:
    for ends, half in zip((left, right), heads.chunk(2, dim=1), strict=True):
        total.add_linear(ends, half)


def _multiply(total: _Total, left: Tensor, right: Tensor, heads: Tensor) -> None:
    total.products.append(total.matrix(left, right, heads))


def _max(total: _Total, left: Tensor, right: Tensor, heads: Tensor) -> None:
    total.add_extreme(left, right, heads, EXTREMES["max"])


def _min(total: _Total, left: Tensor, right: Tensor, heads: Tensor) -> None:
    total.add_extreme(left, right, heads, EXTREMES["min"])


KNOWN: dict[str, Add] = {
    "plus": _plus,
    "multiply": _multiply,
    "max": _max,
    "min": _min,
    "concat": _concat,
}
"""Operations whose heads are added up. Others, for example of plugins, are applied to each pair."""
