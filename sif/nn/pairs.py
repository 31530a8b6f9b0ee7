"""Sums of functions of pairs of fields, evaluated in few large products."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from sif.nn.operations import OPERATIONS

CHUNK = 1 << 20  # numbers in a temporary tensor of pairs, few enough for the processor's cache


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
    total = embeddings.new_zeros(embeddings.shape[1])
    for operation, chosen in places.items():
        at = torch.tensor(chosen, device=heads.device)
        used = heads[:, : width(operation, embeddings.shape[2])].index_select(0, at)
        left, right = ends.index_select(1, at)
        evaluate = SUMS.get(operation)
        if evaluate is None:
            total = total + _one_by_one(operation, embeddings, left, right, used)
        else:
            total = total + evaluate(embeddings, left, right, used)
    return total


def _plus(embeddings: Tensor, left: Tensor, right: Tensor, heads: Tensor) -> Tensor:
    return _linear(embeddings, left, right, heads, heads)


def _concat(embeddings: Tensor, left: Tensor, right: Tensor, heads: Tensor) -> Tensor:
    return _linear(embeddings, left, right, *heads.chunk(2, dim=1))


def _linear(embeddings: Tensor, left: Tensor, right: Tensor, *heads: Tensor) -> Tensor:
    """Return `Σ heads[0] · e_left + heads[1] · e_right`: the heads of each field are summed."""
    fields, _, dim = embeddings.shape
    of_fields = heads[0].new_zeros(fields, dim)
    for ends, head in zip((left, right), heads, strict=True):
        of_fields = of_fields.index_add(0, ends, head)
    return embeddings.transpose(0, 1).flatten(1).mv(of_fields.flatten())


def _multiply(embeddings: Tensor, left: Tensor, right: Tensor, heads: Tensor) -> Tensor:
    """Return `Σ head · (e_left ⊙ e_right)` as quadratic forms, one for each dimension."""
    fields, _, dim = embeddings.shape
    matrices = heads.new_zeros(fields, fields, dim).index_put((left, right), heads)
    by_dimension = embeddings.permute(2, 0, 1).contiguous()  # (dim, fields, rows)
    # A reduction over the first dimensions is faster than one over the last.
    return (matrices.permute(2, 0, 1).bmm(by_dimension) * by_dimension).sum((0, 1))


def _one_by_one(
    operation: str, embeddings: Tensor, left: Tensor, right: Tensor, heads: Tensor
) -> Tensor:
    """Apply the operation to each pair, some pairs at a time."""
    rows, total = embeddings.shape[1], embeddings.new_zeros(embeddings.shape[1])
    at_once = max(1, CHUNK // max(1, rows * heads.shape[1]))
    parts = (torch.split(tensor, at_once) for tensor in (left, right, heads))
    for a, b, head in zip(*parts, strict=True):
        met = OPERATIONS[operation]((embeddings.index_select(0, a), embeddings.index_select(0, b)))
        total = total + met.bmm(head.unsqueeze(2)).sum((0, 2))
    return total


SUMS: dict[str, Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]] = {
    "plus": _plus,
    "concat": _concat,
    "multiply": _multiply,
}
"""Sums over pairs that need no tensor of all pairs; other operations are applied to each pair."""
