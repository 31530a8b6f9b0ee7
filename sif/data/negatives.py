"""Negatives: items that a user never used, drawn at random."""

from dataclasses import replace
from functools import reduce

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nasp.errors import NaspError
from nasp.training.seeding import generator as seeded
from sif.data.ids import present_ids
from sif.data.split import Splits
from sif.data.store import BLOCK, Spool, Table

ROUNDS = 8  # draws of an item before an unused one is found by a search
SLOTS = 4  # smallest number of slots of the hash table for each pair
LARGE = 1 << 62  # random integers are below it
MULTIPLIER = 0x9E3779B97F4A7C15 - (1 << 64)  # of Fibonacci hashing, as int64


class NegativeSampler:
    """Draws items for users that have no known pair with them.

    An item whose pair with the user is known is drawn again. A table of hashes shows at once that
    most pairs are unknown, and a binary search decides on the others. If `ROUNDS` draws fail for a
    user, an item is drawn evenly from those that it did not use. A user that used all items gets
    items drawn evenly from all.

    Args:
        pairs: Positions of the users and items of known pairs, integers `(2, pairs)`; pairs may
            repeat. The sampler's tensors are on their device.
        users: Number of users.
        items: Number of items.
        popularity: Items are drawn in proportion to their number of users to this power, 0.75 for
            example as in word2vec; 0 draws evenly.

    Attributes:
        unused: Number of items that each user did not use, int64 `(users,)`.
    """

    def __init__(self, pairs: Tensor, users: int, items: int, popularity: float = 0.0) -> None:
        keys = (pairs[0].long() * items).add_(pairs[1]).sort().values
        self.keys: Tensor = torch.unique_consecutive(keys)
        owners = self.keys // items
        used = torch.bincount(owners, minlength=users)
        self.items, self.unused = items, items - used
        self.starts = used.cumsum(0) - used
        # A used item minus its rank among its user's items: unused items of a smaller number
        # precede it.
        ranks = torch.arange(len(owners), device=owners.device).sub_(self.starts[owners])
        self.gaps = self.keys - ranks
        self.bits = max(8, (SLOTS * len(self.keys)).bit_length())
        self.table = torch.zeros(1 << self.bits, dtype=torch.bool, device=owners.device)
        self.table[self._slots(self.keys)] = True
        self.bounds: Tensor | None = None
        if popularity:
            counts = torch.bincount(self.keys - owners * items, minlength=items).cpu()
            shares = counts.double().pow(popularity).cumsum(0)
            # Integers, because some devices have no float64.
            self.bounds = (shares / shares[-1] * LARGE).long().to(owners.device)

    def sample(self, users: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Draw items, with replacement.

        Args:
            users: Positions of users, integers `(batch,)`.
            count: Number of items for each.
            generator: Source of random numbers, on the CPU.

        Returns:
            Positions of items, int64 `(batch, count)`.
        """
        owners = users.long().repeat_interleave(count)
        items = torch.empty_like(owners)
        left = torch.arange(len(owners), device=owners.device)
        for _ in range(ROUNDS):
            drawn = self._drawn(len(left), generator)
            items[left] = drawn
            left = left[self._known(owners[left] * self.items + drawn)]
            if not len(left):
                break
        items[left] = self._unused(owners[left], generator)
        return items.view(-1, count)

    def _drawn(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw items from all, `(count,)`."""
        device = self.keys.device
        if self.bounds is None:
            return torch.randint(self.items, (count,), generator=generator).to(device)
        draws = torch.randint(LARGE, (count,), generator=generator).to(device)
        return torch.searchsorted(self.bounds, draws, right=True).clamp(max=self.items - 1)

    def _known(self, keys: Tensor) -> Tensor:
        """Return which pairs are known, bool `(pairs,)`."""
        known = self.table[self._slots(keys)]
        (maybe,) = known.nonzero(as_tuple=True)
        asked = keys[maybe]
        at = torch.searchsorted(self.keys, asked).clamp(max=len(self.keys) - 1)
        known[maybe] = self.keys[at] == asked
        return known

    def _slots(self, keys: Tensor) -> Tensor:
        return (keys * MULTIPLIER >> (64 - self.bits)) & ((1 << self.bits) - 1)

    def _unused(self, users: Tensor, generator: torch.Generator) -> Tensor:
        """Draw an unused item evenly for each user, `(users,)`."""
        draws = torch.randint(LARGE, (len(users),), generator=generator).to(users.device)
        free = self.unused[users]
        number = draws % free.clamp(min=1)
        smaller = torch.searchsorted(self.gaps, users * self.items + number, right=True)
        found = number + smaller - self.starts[users]
        return torch.where(free > 0, found, draws % self.items)


def with_negatives(splits: Splits, count: int, seed: int) -> tuple[Splits, str]:
    """Draw negatives for the parts that have positives only.

    A negative has the user, the contexts and the time of a positive, and an item that is drawn
    evenly from those that the user used in no part.

    Args:
        splits: Rows with the value 1 for a positive, and 0 for a negative.
        count: Number of negatives of each positive.
        seed: Determines the items.

    Returns:
        The parts, and what was drawn, in words.

    Raises:
        NaspError: Each part has negatives of its own.
    """
    parts = {"training": splits.train, "validation": splits.valid, "test": splits.test}
    users, items = (
        reduce(pd.Index.union, (present_ids(part, entity) for part in parts.values()))
        for entity in (0, 1)
    )
    used = [_used(part, users, items) for part in parts.values()]
    sampler = NegativeSampler(torch.cat(used, dim=1), len(users), len(items))
    generator = seeded(seed, "negatives")
    drawn, said = list[Table](), list[str]()
    for (name, part), pairs in zip(parts.items(), used, strict=True):
        if len(part) > pairs.shape[1]:  # some rows are negatives
            drawn.append(part)
            continue
        drawn.append(_extended(part, items, pairs, sampler, count, generator))
        said.append(f"{len(drawn[-1]) - len(part):,} for {name}")
        if without := int((sampler.unused[pairs[0].long()] == 0).sum()):
            said[-1] += f" (none for {without:,} positives of users who used all items)"
    if not said:
        raise NaspError("negatives: the data have negatives of their own: leave the option out")
    each = f"{count} of each positive, seed {seed}"
    return Splits(*drawn), f"negatives drawn anew, {each}: {', '.join(said)}"


def _used(part: Table, users: pd.Index, items: pd.Index) -> Tensor:
    """Return the positions of the users and items of the positives, int32 `(2, positives)`."""
    places = [known.get_indexer(ids) for known, ids in zip((users, items), part.ids, strict=False)]
    blocks = [
        np.stack([place[block.code(entity)] for entity, place in enumerate(places)])[
            :, block.ratings > 0
        ].astype(np.int32)
        for block in part.blocks()
    ]
    return torch.from_numpy(np.concatenate(blocks, axis=1))


def _extended(
    part: Table,
    items: pd.Index,
    pairs: Tensor,
    sampler: NegativeSampler,
    count: int,
    generator: torch.Generator,
) -> Table:
    """Return the positives of a part and, after them, their negatives.

    Args:
        part: The positives.
        items: The ids of all items.
        pairs: Positions of the part's users and items, `(2, positives)`.
        sampler: Draws items.
        count: Number of negatives of each positive.
        generator: Source of random numbers.
    """
    codes = [Spool(np.int32) for _ in part.columns]
    values, times = Spool(np.float32), None if part.times is None else Spool(np.float64)
    starts = range(0, len(part), BLOCK)
    for negative in (False, True):
        for start, block in zip(starts, part.blocks(), strict=True):
            users, chosen = pairs[:, start : start + BLOCK]
            rows = np.arange(len(block))
            if negative:
                (able,) = (sampler.unused[users.long()] > 0).nonzero(as_tuple=True)
                chosen = sampler.sample(users[able], count, generator).flatten()
                rows = np.repeat(able.numpy(), count)
            for entity, spool in enumerate(codes):
                spool.append(chosen.numpy() if entity == 1 else block.code(entity)[rows])
            values.append(np.full(len(rows), not negative))
            if times is not None and (moments := block.moments) is not None:
                times.append(moments[rows])
    return replace(
        part,
        ids=(part.ids[0], items, *part.ids[2:]),
        codes=tuple(spool.finish() for spool in codes),
        values=values.finish(),
        times=None if times is None else times.finish(),
        rows=None,
    )
