"""Every architecture of the decisions, once each."""

import math
from itertools import combinations, islice
from typing import ClassVar

import torch

from nasp.core.decision import Decision
from nasp.samplers.base import Proposal, Sampler, name_choices

CHUNK = 32  # bits drawn at a time: a CNN space has more architectures than 64 bits can number


class Exhaustive(Sampler):
    """Asks for each architecture once, in random order, and then begins again in another order.

    It makes no offsets, so that an architecture that comes again meets a new draw of the space's
    continuous architecture.

    The order is a Fisher-Yates shuffle of the architectures' numbers, of which only the entries
    that differ from their position are kept: memory grows with what was asked, not with `count`.

    """

    learns: ClassVar[bool] = False

    def prepare(self) -> None:
        self._moved: dict[int, int] = {}

    @property
    def count(self) -> int:
        """Number of architectures: `Π_d C(edges, keep) · operations ^ keep`; none is listed."""
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
        """A uniform integer from 0 to `below - 1`, however large."""
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
    """The pairs with a number below the decision's count: operations are its last digits."""
    edges, operations = decision.shape
    kinds = []
    for _ in range(decision.keep):
        number, kind = divmod(number, operations)
        kinds.append(kind)
    kept = next(islice(combinations(range(edges), decision.keep), number, None))
    return name_choices(decision, kept, kinds)
