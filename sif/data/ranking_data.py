"""`RankingData`: the encoded training and validation pairs of a search."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from nasp.errors import NaspError
from sif.data.encode import Encoder
from sif.data.ids import align_id_types
from sif.data.store import Table
from sif.nn.encoders import RatingGraph
from sif.nn.ranking_space import RankingBatch
from sif.user_items import UserItems

JUDGED_SCORES = 1 << 26  # largest number of users × items of the users that judge each epoch
PAIR_SCORES = 1 << 22  # largest number of pairs × negatives in a batch
JUDGES_SEED = 0


@dataclass(frozen=True)
class RankingData:
    """Training and validation pairs. A search gets these and never test pairs.

    Attributes:
        encoder: Ids of both parts.
        train: Training pairs, which are the edges of the graph, on the CPU.
        valid: Validation pairs, which select architectures.
        judged: The validation pairs that judge each epoch: all of them, or those of some users if
            there are many users and items.
        device: Device of batches and graph.
    """

    encoder: Encoder
    train: UserItems
    valid: UserItems
    judged: UserItems
    device: torch.device

    @classmethod
    def from_splits(cls, train: Table, valid: Table, device: torch.device | str = "cpu") -> Self:
        """Encode checked pairs.

        Raises:
            NaspError: There are further entities than users and items, or no validation pair is
                new.
        """
        if len(train.columns) > 2:
            raise NaspError(
                f"the task ranking is for users and items, and there is {train.columns[2]!r}: "
                "leave it out of --columns, or give --task rating"
            )
        train, valid = align_id_types(train, valid)
        ids = (Encoder.fit(part).ids[entity] for entity in (0, 1) for part in (train, valid))
        users, more_users, items, more_items = ids
        encoder = Encoder(train.columns, (users.union(more_users), items.union(more_items)))
        known, to_find = encode_pairs(train, encoder), encode_pairs(valid, encoder)
        to_find = to_find.without(known)
        if not len(to_find.items):
            raise NaspError("all validation pairs are in training: give others, or another seed")
        return cls(
            encoder,
            known,
            to_find,
            some_users(to_find, JUDGED_SCORES // len(encoder.ids[1])),
            torch.device(device),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Number of users and of items."""
        return self.train.shape

    def known(self) -> UserItems:
        """Return the pairs of both parts."""
        return self.train.union(self.valid)

    def for_refit(self) -> Self:
        """Return the same data with all pairs for training, and none for validation."""
        none = self.valid.without(self.valid)
        return replace(self, train=self.known(), valid=none, judged=none)

    def graph(self) -> RatingGraph:
        """Return the graph of the users and items of the training pairs."""
        rows = torch.stack([self.train.users(), self.train.items + self.shape[0]])
        return RatingGraph(rows, sum(self.shape)).to(self.device)

    def batches(
        self,
        size: int,
        negatives: int,
        generator: torch.Generator,
        *,
        steps: int | None = None,
        valid: bool = False,
    ) -> Iterator[RankingBatch]:
        """Yield shuffled batches of pairs and their negatives.

        Negatives are drawn evenly from all items, without repetition. An item that a user has is no
        negative for this user.

        Args:
            size: Number of pairs in a batch; the last batch of a pass may be smaller.
            negatives: Number of negatives of a batch; fewer if the catalogue or the memory is
                small.
            generator: Source of random numbers.
            steps: Number of batches, reshuffled after each pass; None for one pass.
            valid: Whether to yield validation pairs; training pairs are no negatives of them.
        """
        pairs = self.valid if valid else self.train
        known = self.known() if valid else self.train
        users, items = pairs.users(), pairs.items
        (many_users, many_items), left = self.shape, steps or -(-len(items) // size)
        count = max(1, min(negatives, many_items, PAIR_SCORES // size))
        while left > 0:
            order = torch.randperm(len(items), generator=generator)[: left * size]
            for part in torch.split(order, size):
                drawn = torch.randperm(many_items, generator=generator)[:count]
                rows = torch.stack([users[part], items[part] + many_users])
                yield RankingBatch(
                    rows.to(self.device),
                    (drawn + many_users).to(self.device),
                    _has(known, users[part], drawn).to(self.device),
                    many_items,
                    rated=not valid,
                )
            left -= -(-len(order) // size)


def encode_pairs(table: Table, encoder: Encoder) -> UserItems:
    """Return the pairs of a table's users and items, which are all known."""
    users, items = (torch.from_numpy(at).long() for at in encoder.positions(table)[:2])
    return UserItems.of(users, items, (encoder.sizes[0], encoder.sizes[1]))


def _has(pairs: UserItems, users: Tensor, items: Tensor) -> Tensor:
    """Return which users have which items, bool `(users, items)`, for distinct items."""
    place = torch.full((pairs.catalogue,), -1)
    place[items] = torch.arange(len(items))
    own = pairs.take(users)
    column = place[own.items]
    there = column >= 0
    found = torch.zeros(len(users), len(items), dtype=torch.bool)
    found[own.users()[there], column[there]] = True
    return found


def some_users(pairs: UserItems, count: int) -> UserItems:
    """Return the pairs of `count` users, drawn at random; all if there are no more."""
    generator = torch.Generator().manual_seed(JUDGES_SEED)
    having = pairs.counts().nonzero()[:, 0]
    drawn = having[torch.randperm(len(having), generator=generator)[: max(1, count)]]
    kept = torch.isin(pairs.users(), drawn)
    return UserItems.of(pairs.users()[kept], pairs.items[kept], pairs.shape)
