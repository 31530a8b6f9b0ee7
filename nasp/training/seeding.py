"""Independent random streams from one seed, with no global state."""

import hashlib

import torch


def generator(seed: int, *labels: object) -> torch.Generator:
    """A CPU generator for one purpose of a run.

    Streams of different labels are independent, so that adding a phase to a run changes no other,
    and a resumed run can make again the stream of any phase.

    Args:
        seed: The run's seed.
        labels: What the stream is for, `"search", 2` for example.
    """
    digest = hashlib.sha256(repr((seed, *labels)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
