"""`RankingData`: the encoded training and validation pairs of a search."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import torch
from scipy import sparse
from torch import Tensor

from nasp.errors import NaspError
from sif.data.encode import Encoder
from sif.data.feature_tensors import table_features
from sif.data.features import Features
from sif.data.ids import align_id_types
from sif.data.store import Table
from sif.data.task_data import Sides
from sif.nn.encoders import RatingGraph
from sif.nn.graph import Propagation
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
        features: Side features of users and of items; None without a side table.
    """

    encoder: Encoder
    train: UserItems
    valid: UserItems
    judged: UserItems
    device: torch.device
    features: tuple[Features | None, ...] = (None, None)

    @classmethod
    def from_splits(
        cls,
        train: Table,
        valid: Table,
        device: torch.device | str = "cpu",
        sides: Sides | None = None,
    ) -> Self:
        """Encode checked pairs.

        The users and items of side tables are known, too, even if they have no pairs.

        Args:
            train: Training pairs.
            valid: Validation pairs.
            device: Device of batches and graph.
            sides: The side tables.

        Raises:
            NaspError: There are further entities than users and items, no validation pair is new,
                there are bins of times, or a side table cannot be used.
        """
        sides = sides or Sides()
        if sides.time_bins:
            raise NaspError("rankings do not use time_bins: leave them out")
        if len(train.columns) > 2:
            raise NaspError(
                f"the task ranking is for users and items, and there is {train.columns[2]!r}: "
                "leave it out of --columns, or give --task rating"
            )
        train, valid = align_id_types(train, valid)
        ids = (Encoder.fit(part).ids[entity] for entity in (0, 1) for part in (train, valid))
        users, more_users, items, more_items = ids
        encoder = Encoder(train.columns, (users.union(more_users), items.union(more_items)))
        encoder = sides.with_ids(encoder)
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
            sides.features(encoder),
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

    def feature_matrix(self) -> Propagation | None:
        """Return the features of all users and items as a matrix; None if there are none."""
        matrix = table_features(self.features, self.shape)
        return None if matrix is None else matrix.to(self.device)

    def item_features(self) -> sparse.csr_array | None:
        """Return the features of the items, `(items, features)`; None if there are none."""
        items = self.features[1]
        return None if items is None else items.matrix

    def item_titles(self) -> list[str] | None:
        """Return the title of each item, empty if it has none; None without titles."""
        items = self.features[1]
        return None if items is None or items.titles is None else list(items.titles)

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
        negative for this user; with features of items, items without pairs are none for anybody, so
        that their scores are those of their features.

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
        drawable = torch.arange(many_items)
        if self.features[1] is not None:
            drawable = self.train.popularity().nonzero()[:, 0]
        count = max(1, min(negatives, len(drawable), PAIR_SCORES // size))
        while left > 0:
            order = torch.randperm(len(items), generator=generator)[: left * size]
            for part in torch.split(order, size):
                drawn = drawable[torch.randperm(len(drawable), generator=generator)[:count]]
                rows = torch.stack([users[part], items[part] + many_users])
                yield RankingBatch(
                    rows.to(self.device),
                    (drawn + many_users).to(self.device),
                    _has(known, users[part], drawn).to(self.device),
                    len(drawable),
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
