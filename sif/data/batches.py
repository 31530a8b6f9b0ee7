"""Shuffled batches of rows of tables."""

from collections.abc import Iterator

import torch
from torch import Tensor

TOGETHER = 64  # batches that are gathered at once, a trade-off of speed and memory


def shuffled(
    rows: Tensor, values: Tensor, size: int, generator: torch.Generator, steps: int | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield shuffled batches: `steps` batches, reshuffled after each pass, or one pass if None.

    The last batch of a pass is smaller if `size` does not divide the number of values.

    Args:
        rows: Table rows, integers, `(entities, values)`.
        values: A number for each column of `rows`, `(values,)`.
        size: Number of values in a batch.
        generator: Draws the order.
        steps: Number of batches.

    Yields:
        The rows of a batch, as int64, because gradients of a look-up by int32 cost more than the
        conversion; and its values.
    """
    left = -(-len(values) // size) if steps is None else steps
    while left > 0:
        order = torch.randperm(len(values), generator=generator)
        order = order[: left * size].to(values.device)
        for block in torch.split(order, TOGETHER * size):
            at = rows.index_select(1, block).long()
            parts = torch.split(at, size, dim=1), torch.split(values.index_select(0, block), size)
            yield from zip(*parts, strict=True)
        left -= -(-len(order) // size)
