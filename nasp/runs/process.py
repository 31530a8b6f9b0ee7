"""Number and rank of the processes that share a run."""

import torch.distributed as dist


def processes() -> int:
    """Return the number of processes that share a batch; 1 without `torchrun`."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return the rank of this process; only rank 0 writes files and messages."""
    return dist.get_rank() if processes() > 1 else 0
