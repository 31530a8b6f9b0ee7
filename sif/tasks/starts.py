"""Where the restarts of a search begin."""

from collections.abc import Sequence

import torch


def in_turn(names: Sequence[str], first: int, count: int, generator: torch.Generator) -> list[str]:
    """Return some successive names of a random order, which is repeated."""
    order = torch.randperm(len(names), generator=generator).tolist()
    return [names[order[(first + n) % len(names)]] for n in range(count)]
