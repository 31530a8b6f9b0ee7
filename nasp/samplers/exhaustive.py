"""Exhaustive search: every architecture once."""

import math
from itertools import combinations, islice
from typing import ClassVar

import torch

from nasp.core.decision import Decision
from nasp.samplers.base import Proposal, Sampler, name_choices

CHUNK = 32  # bits drawn at a time; a CNN space has more than 2^64 architectures


class Exhaustive(Sampler):
    """Proposes each architecture once, in random order, and then starts over in another order.

    It proposes no offsets, so each repetition of an architecture gets a new random draw of the
    space's continuous architecture.

    The order is a Fisher-Yates shuffle of the architectures' numbers that stores only the entries
    that differ from their positions. So memory grows with the number of asks, not with `count`.

    """

    learns: ClassVar[bool] = False

    def prepare(self) -> None:
        self._moved: dict[int, int] = {}

    @property
    def count(self) -> int:
        """The number of architectures, `Π_d C(edges, keep) · operations ^ keep`."""
        return math.prod(_count(d) for d in self.decisions)

    def propose(self, number: int) -> Proposal:
        here = number % self.count
        if here == 0:
            self._moved = {}
        there = here + self._integer(self.count - here)
        left = self._moved.get(there, there)
        self._moved[there] = self._moved.get(here, here)
        self._moved.pop(here, None)
        choices = {}
        for d in self.decisions:
            left, digit = divmod(left, _count(d))
            choices[d.name] = _numbered(d, digit)
        return choices, ()

    def _integer(self, below: int) -> int:
        """Draw a uniform integer from 0 to `below - 1`, of any size."""
        bits = (below - 1).bit_length()
        while True:
            chunks = -(-bits // CHUNK)
            drawn = torch.randint(1 << CHUNK, (chunks,), generator=self.generator).tolist()
            value = sum(int(c) << CHUNK * i for i, c in enumerate(drawn)) & ((1 << bits) - 1)
            if value < below:
                return value


def _count(decision: Decision) -> int:
    edges, operations = decision.shape
    return int(math.comb(edges, decision.keep) * operations**decision.keep)


def _numbered(decision: Decision, number: int) -> tuple[tuple[str, str], ...]:
    """Decode a number below the decision's count; its last digits are the operations."""
    edges, operations = decision.shape
    kinds = []
    for _ in range(decision.keep):
        number, kind = divmod(number, operations)
        kinds.append(kind)
    kept = next(islice(combinations(range(edges), decision.keep), number, None))
    return name_choices(decision, kept, kinds)
