"""Data parallelism: every process holds the whole state and a share of each batch.

All processes draw the same random numbers and use their own part of them. Gradients and statistics
are those of the whole batch. So the result does not depend on the number of processes, except for
the order of floating-point sums.
"""

import importlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor

from nasp.errors import NaspError
from nasp.runs.process import processes, rank
from nasp.training.device import resolve_device


def own_share(batch: Tensor) -> Tensor:
    """Return this process's part of a batch, along the first dimension.

    Raises:
        NaspError: The batch cannot be divided evenly.
    """
    count, parts = len(batch), processes()
    if count % parts:
        raise NaspError(f"a batch of {count} cannot be shared evenly by {parts} processes")
    return batch[rank() * count // parts : (rank() + 1) * count // parts]


@torch.no_grad()
def sum_over_processes(tensor: Tensor) -> None:
    """Replace a tensor, in place, by its sum over the processes."""
    if processes() > 1:
        dist.all_reduce(tensor)


def mean_over_processes(tensors: Sequence[Tensor | None]) -> None:
    """Replace each tensor, in place, by its mean over the processes, by one exchange.

    Args:
        tensors: Tensors of one dtype and device. None is skipped, and must be None in every
            process.
    """
    present = [tensor for tensor in tensors if tensor is not None] if processes() > 1 else []
    if not present:
        return
    with torch.no_grad():
        flat = torch.cat([tensor.reshape(-1) for tensor in present])
        sum_over_processes(flat)
        flat /= processes()
        parts = torch.split(flat, [tensor.numel() for tensor in present])
        for tensor, part in zip(present, parts, strict=True):
            tensor.copy_(part.view_as(tensor))


@contextmanager
def fail_together(device: torch.device) -> Iterator[None]:
    """Raise an error in all processes if the `with` block raises one in any of them.

    Args:
        device: The device of this process.

    Raises:
        NaspError: This process raised it, or another process failed.
    """
    error = None
    try:
        yield
    except NaspError as refusal:
        error = refusal
    refusals = torch.tensor(float(error is not None), device=device)
    sum_over_processes(refusals)
    if error is not None:
        raise error
    if refusals:
        raise NaspError("another process of the run failed: see its message")


@contextmanager
def join_processes(device: str) -> Iterator[torch.device]:
    """Join the processes that `torchrun` started, if it was used.

    Args:
        device: The value of `--device`. If there are GPUs, each process has its own.

    Yields:
        The device of this process.

    Raises:
        NaspError: The device is unknown, or there is no such device.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield resolve_device(device)
        return
    found = resolve_device(device)
    if found.type == "cuda":
        found = resolve_device(f"cuda:{os.environ['LOCAL_RANK']}")
        torch.cuda.set_device(found)
    # torch imports this module at an optimiser's first step. If it is imported after the process
    # group is made, it keeps the group alive, whose threads can then abort the interpreter at exit.
    importlib.import_module("torch.distributed.nn.functional")
    dist.init_process_group("nccl" if found.type == "cuda" else "gloo")
    try:
        yield found
    finally:
        dist.destroy_process_group()
