"""`UserItems`: pairs, which items each user has, as compressed rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

PADDED = 1.25  # largest ratio of the lengths of rows in a group, which bounds the padding
BLOCK = 1 << 22  # numbers of a group in memory at once


def similar_rows(counts: Tensor, width: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield groups of compressed rows of similar lengths, which are solved for together.

    A group of several rows with `longest` entries or fewer fits into memory if it has a vector of
    `width` numbers for each entry, and a matrix of `width` × `width` numbers for each row.

    Args:
        counts: Number of entries of each row, int64 `(rows,)`; entries are sorted by row.
        width: See above.

    Yields:
        Rows `(group,)`, positions of their entries `(group, longest)`, padded with any position,
        and which of these are no padding, bool `(group, longest)`.
    """
    starts, entries = counts.cumsum(0) - counts, int(counts.sum())
    by_count = counts.argsort(stable=True)
    sizes = counts[by_count].tolist()
    first = 0
    while first < len(sizes):
        after = first + 1
        while after < len(sizes) and (
            sizes[after] <= max(PADDED * sizes[first], 4)
            and (after + 1 - first) * max(sizes[after], width) * width <= BLOCK
        ):
            after += 1
        rows = by_count[first:after]
        steps = torch.arange(sizes[after - 1], device=counts.device)
        positions = (starts[rows].unsqueeze(1) + steps).clamp_(max=entries - 1)
        yield rows, positions, steps < counts[rows].unsqueeze(1)
        first = after


@dataclass(frozen=True)
class UserItems:
    """Pairs of users and items, as compressed rows.

    Attributes:
        starts: Where each user's items start in `items`, and the number of pairs at the end, int64
            `(users + 1,)`.
        items: Positions of the items, int64 `(pairs,)`, ascending for each user; -1 for an item
            that is not in the catalogue.
        catalogue: Number of items.
    """

    starts: Tensor
    items: Tensor
    catalogue: int

    @classmethod
    def of(cls, users: Tensor, items: Tensor, shape: tuple[int, int]) -> Self:
        """Make compressed rows of pairs in any order.

        A pair that is given twice is kept once. All pairs with item -1 are kept, because they may
        be different items.

        Args:
            users: Position of each pair's user, integers `(pairs,)`.
            items: Position of each pair's item, -1 for one that is not in the catalogue, integers
                `(pairs,)`.
            shape: Number of users and of items.

        Raises:
            ValueError: A position is out of range.
        """
        for name, positions, least, end in (
            ("user", users, 0, shape[0]),
            ("item", items, -1, shape[1]),
        ):
            if len(positions) and not (least <= positions.min() and positions.max() < end):
                raise ValueError(
                    f"positions of {name}s go from {int(positions.min())} to "
                    f"{int(positions.max())}; they must be at least {least} and below {end}"
                )
        key, _ = (users.long() * (shape[1] + 1) + items + 1).sort()
        users, items = key // (shape[1] + 1), key % (shape[1] + 1) - 1
        kept = torch.ones(len(key), dtype=torch.bool, device=key.device)
        kept[1:] = (key[1:] != key[:-1]) | (items[1:] < 0)
        return cls._from_sorted(users[kept], items[kept], shape)

    @classmethod
    def _from_sorted(cls, users: Tensor, items: Tensor, shape: tuple[int, int]) -> Self:
        starts = torch.zeros(shape[0] + 1, dtype=torch.int64, device=users.device)
        starts[1:] = torch.bincount(users, minlength=shape[0]).cumsum(0)
        return cls(starts, items, shape[1])

    @classmethod
    def checked(cls, starts: Tensor, items: Tensor, catalogue: int) -> Self:
        """Make compressed rows from tensors of a file.

        Raises:
            ValueError: They are no compressed rows of items of the catalogue.
        """
        if (
            len(starts) < 1
            or starts[0] != 0
            or starts[-1] != len(items)
            or (starts.diff() < 0).any()
        ):
            raise ValueError("the rows do not start where others end")
        if len(items) and not (items.min() >= 0 and items.max() < catalogue):
            raise ValueError("an item is not in the catalogue")
        return cls(starts, items, catalogue)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of users and of items."""
        return len(self.starts) - 1, self.catalogue

    def counts(self) -> Tensor:
        """Return the number of items of each user, int64 `(users,)`."""
        return self.starts.diff()

    def popularity(self) -> Tensor:
        """Return the number of users of each item of the catalogue, int64 `(items,)`."""
        return torch.bincount(self.items[self.items >= 0], minlength=self.catalogue)

    def users(self) -> Tensor:
        """Return the user of each pair, int64 `(pairs,)`."""
        return torch.repeat_interleave(self.counts())

    def take(self, users: Tensor) -> Self:
        """Return the rows of some users, in their order.

        Args:
            users: Positions of users, int64 `(taken,)`; a user may occur several times.
        """
        counts = self.counts()[users]
        starts = torch.zeros(len(users) + 1, dtype=torch.int64, device=users.device)
        starts[1:] = counts.cumsum(0)
        within = torch.arange(int(starts[-1]), device=users.device)
        shift = (self.starts[users] - starts[:-1]).repeat_interleave(counts)
        return type(self)(starts, self.items[within + shift], self.catalogue)

    def without(self, others: Self) -> Self:
        """Return the pairs that are not in `others`, which has the same shape."""
        users = self.users()
        ours, theirs = (
            pairs.users() * (self.catalogue + 1) + pairs.items for pairs in (self, others)
        )
        kept = (self.items < 0) | ~torch.isin(ours, theirs)
        return self._from_sorted(users[kept], self.items[kept], self.shape)

    def union(self, others: Self) -> Self:
        """Return the pairs that are in either, which have the same shape."""
        users = torch.cat([self.users(), others.users()])
        return self.of(users, torch.cat([self.items, others.items]), self.shape)
