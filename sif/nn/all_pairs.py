"""Scores of all pairs of some users and some items, by matrix products where that is possible."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from sif.nn.operations import Function

AT_ONCE = 1 << 24  # numbers of a function's output in memory at once, for scores without gradients
CACHED = 1 << 18  # scores of a maximum or minimum at once, which stay in the cache


def score_all(function: Function, users: Tensor, items: Tensor, head: Tensor) -> Tensor:
    """Return `head · f(user, item)` for all pairs of users and items, `(users, items)`.

    Args:
        function: A function of two embeddings.
        users: Encodings of users, `(users, embedding_dim)`.
        items: Encodings of items, `(items, embedding_dim)`.
        head: The linear head, `(width,)`.
    """
    if function.plain is not None and function.operation in FAST:
        return FAST[function.operation](users, items, head)
    if torch.is_grad_enabled():
        return _pair_by_pair(function, users, items, head)
    size = max(1, AT_ONCE // max(1, len(items) * len(head)))
    blocks = [_pair_by_pair(function, u, items, head) for u in torch.split(users, size)]
    return torch.cat(blocks)


def _pair_by_pair(function: Function, users: Tensor, items: Tensor, head: Tensor) -> Tensor:
    shape = len(users), len(items), -1
    met: Tensor = function([users.unsqueeze(1).expand(shape), items.expand(shape)])
    return met @ head


def _multiply(users: Tensor, items: Tensor, head: Tensor) -> Tensor:
    return (users * head) @ items.T


def _plus(users: Tensor, items: Tensor, head: Tensor) -> Tensor:
    return users.mv(head).unsqueeze(1) + items.mv(head)


def _concat(users: Tensor, items: Tensor, head: Tensor) -> Tensor:
    first, second = head.chunk(2)
    return users.mv(first).unsqueeze(1) + items.mv(second)


class _Extreme(torch.autograd.Function):
    """The scores of `max` or `min`, one element of the embeddings after the other.

    So no tensor of users × items × embedding_dim is made.
    """

    @staticmethod
    def forward(ctx: Any, users: Tensor, items: Tensor, head: Tensor, largest: bool) -> Tensor:
        ctx.save_for_backward(users, items, head)
        ctx.largest = largest
        extreme = torch.maximum if largest else torch.minimum
        scores = users.new_zeros(len(users), len(items))
        columns = items.T.contiguous()
        size = max(1, CACHED // max(1, len(items)))
        weights = head.tolist()
        for block, total in zip(torch.split(users, size), torch.split(scores, size), strict=True):
            for row, column, weight in zip(block.T, columns, weights, strict=True):
                total.add_(extreme(row.unsqueeze(1), column), alpha=weight)
        return scores

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        users, items, head = ctx.saved_tensors
        taken = torch.gt if ctx.largest else torch.lt  # ties go to the item, as in `OPERATIONS`
        of_users, of_items = torch.zeros_like(users.T), torch.zeros_like(items.T)
        columns = items.T.contiguous()
        size = max(1, CACHED // max(1, len(items)))
        blocks = zip(
            torch.split(users, size),
            torch.split(gradient, size),
            torch.split(of_users, size, dim=1),
            strict=True,
        )
        for block, given, found in blocks:
            for k, (row, column) in enumerate(zip(block.T, columns, strict=True)):
                from_user = given * taken(row.unsqueeze(1), column)
                torch.sum(from_user, 1, out=found[k])
                of_items[k] -= from_user.sum(0)
        of_items += gradient.sum(0)
        of_head = (of_users * users.T).sum(1) + (of_items * columns).sum(1)
        return (of_users * head[:, None]).T, (of_items * head[:, None]).T, of_head, None


def _extreme(users: Tensor, items: Tensor, head: Tensor, *, largest: bool) -> Tensor:
    scores: Tensor = _Extreme.apply(users, items, head, largest)  # type: ignore[no-untyped-call]
    return scores


FAST: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "multiply": _multiply,
    "plus": _plus,
    "concat": _concat,
    "max": partial(_extreme, largest=True),
    "min": partial(_extreme, largest=False),
}
"""The scores of operations for which they are faster than pair by pair."""
