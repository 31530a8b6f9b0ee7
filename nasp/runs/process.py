"""Which of the processes that share a run this one is."""

import torch.distributed as dist


def processes() -> int:
    """How many processes share a batch: 1 without `torchrun`."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """The position of this process, 0 for the one that writes and talks."""
    return dist.get_rank() if processes() > 1 else 0
