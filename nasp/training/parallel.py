"""Data parallelism: every process holds the whole state and a share of each batch.

All processes draw the same random numbers and take their own part of them, and gradients and
statistics are of the whole batch, so that any number of processes has one result, up to the order
of floating-point sums.
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
    """This process's part of a batch, along the first dimension.

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
    """Replace each tensor, in place, by its mean over the processes, in one exchange.

    Args:
        tensors: Of one type and on one device; None is passed over, and has to be None in all.
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
    """Let all processes leave with an error if one does, before they wait for each other.

    Args:
        device: Of this process.

    Raises:
        NaspError: This process's, or that another one refused.
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
        raise NaspError("another process of the run has refused it: its message says why")


@contextmanager
def join_processes(device: str) -> Iterator[torch.device]:
    """Join the other processes that `torchrun` has started, if it has.

    Args:
        device: Of `--device`; each process has a GPU of its own where there are GPUs.

    Yields:
        The device of this process.

    Raises:
        NaspError: The device is unknown or not there.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield resolve_device(device)
        return
    found = resolve_device(device)
    if found.type == "cuda":
        found = resolve_device(f"cuda:{os.environ['LOCAL_RANK']}")
        torch.cuda.set_device(found)
    # Torch imports this at an optimiser's first step. Imported after the group is made it keeps the
    # group, whose threads then run into the end of the interpreter, and now and then abort it.
    importlib.import_module("torch.distributed.nn.functional")
    dist.init_process_group("nccl" if found.type == "cuda" else "gloo")
    try:
        yield found
    finally:
        dist.destroy_process_group()
