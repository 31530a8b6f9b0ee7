"""Data parallelism: every process holds the whole state and a share of each batch.

All processes draw the same random numbers and take their own part of them, and gradients and
statistics are of the whole batch, so that any number of processes has one result, up to the order
of floating-point sums.
"""

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from nasp.core.errors import NaspError


def processes() -> int:
    """How many processes share a batch: 1 without `torchrun`."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """The position of this process, 0 for the one that writes and talks."""
    return dist.get_rank() if processes() > 1 else 0


def share(batch: Tensor) -> Tensor:
    """This process's part of a batch, along the first dimension.

    Raises:
        NaspError: The batch cannot be divided evenly.
    """
    count, parts = len(batch), processes()
    if count % parts:
        raise NaspError(f"a batch of {count} cannot be shared evenly by {parts} processes")
    return batch[rank() * count // parts : (rank() + 1) * count // parts]


@torch.no_grad()
def average(tensors: Sequence[Tensor | None]) -> None:
    """Replace each tensor, in place, by its mean over the processes, in one exchange.

    Args:
        tensors: Of one type and on one device; None is passed over, and has to be None in all.
    """
    present = [tensor for tensor in tensors if tensor is not None]
    if processes() == 1 or not present:
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in present])
    dist.all_reduce(flat)
    flat /= processes()
    parts = torch.split(flat, [tensor.numel() for tensor in present])
    for tensor, part in zip(present, parts, strict=True):
        tensor.copy_(part.view_as(tensor))
