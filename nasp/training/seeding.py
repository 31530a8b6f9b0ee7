"""Independent random streams from one seed, with no global state."""

import hashlib

import torch


def generator(seed: int, *labels: object) -> torch.Generator:
    """Return a CPU generator for one purpose of a run.

    Generators of different labels are independent. So a new phase in a run does not change the
    others, and a resumed run can recreate the generator of any phase.

    Args:
        seed: The run's seed.
        labels: The purpose, for example `"search", 2`.
    """
    digest = hashlib.sha256(repr((seed, *labels)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
