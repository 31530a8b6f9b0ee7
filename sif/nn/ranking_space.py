"""The interaction space for rankings: scores of positives and of negatives."""

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from nasp.core.relaxation import Relaxation
from sif.nn.all_pairs import score_all
from sif.nn.encoders import EncodedTables
from sif.nn.space import DECISION, InteractionSpace
from sif.options import ENCODERS


class RankingBatch(NamedTuple):
    """A batch of positives, and negatives that all of them share.

    Attributes:
        rows: Table rows of the users and items of the positives, int64 `(2, pairs)`.
        negatives: Table rows of items, int64 `(negatives,)`.
        known: Where a negative is an item that the user has, bool `(pairs, negatives)`.
        catalogue: Number of all items that may be negatives.
        rated: Whether the positives are training pairs, which are the edges of the graph.
    """

    rows: Tensor
    negatives: Tensor
    known: Tensor
    catalogue: int
    rated: bool = False


class RankingSpace(InteractionSpace):
    """The members of `InteractionSpace` for two entities, whose values are scores.

    All pairs of a batch share their negatives, so the scores of many negatives are one matrix
    product for most functions. The encoding of a positive's user is without the positive itself, if
    the encoder has it, for the scores of negatives, too: both are then made of the same items.
    """

    def forward(  # type: ignore[override]
        self, batch: RankingBatch, relaxation: Relaxation | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Score a batch.

        Args:
            batch: The batch.
            relaxation: See `InteractionSpace.rate`.

        Returns:
            Scores of the positives `(pairs,)`, those of the negatives `(pairs, negatives)`, and the
            embeddings of the positives with biases as last column,
            `(2, pairs, embedding_dim + biases)`.
        """
        full = self.embeddings.full()
        looked_up = full.index_select(0, batch.rows.flatten()).view(*batch.rows.shape, -1)
        embeddings, bias = self.embeddings.parts(looked_up)
        others = full.index_select(0, batch.negatives)
        (decision,), pairs = self.decisions, batch.rows.shape[1]
        tables = EncodedTables(full[:, : self.embeddings.dim], self.graph, self.stored)

        @cache
        def parts(edge: int) -> tuple[Tensor, Tensor, Tensor]:
            """Return the encodings of users, of their positives and of the negatives."""
            encoder = decision.sources[edge]
            if encoder == "id":
                (user, item), other = embeddings, others[:, : self.embeddings.dim]
            else:
                user, item = tables.look_up(encoder, batch.rows, batch.rated)
                other = tables[encoder].index_select(0, batch.negatives)
            if self.transform is None:
                return user, item, other
            items = self.transformed(1, torch.cat([item, other]))
            return self.transformed(0, user), items[:pairs], items[pairs:]

        flat, longest = self.heads.flatten(), self.heads.shape[1]

        def run(edge: int, candidate: int) -> Tensor:
            user, item, other = parts(edge)
            met = self._joins[candidate]((user, item))
            head = flat.narrow(0, self._row[edge, candidate] * longest, met.shape[1])
            negative = score_all(self.functions[candidate], user, other, head)
            return torch.cat([met.mv(head), negative.flatten()])

        scores = (relaxation or self._path).mix(DECISION, run)
        positive, negative = scores[:pairs], scores[pairs:].view(pairs, -1)
        if bias is not None:
            of_user = looked_up[0, :, -1:] + self.embeddings.bias
            positive, negative = positive + bias, negative + of_user + others[:, -1]
        return positive, negative, looked_up

    @torch.no_grad()
    def terms(
        self, relaxation: Relaxation | None = None
    ) -> list[tuple[str, Tensor, Tensor, Tensor]]:
        """Return the terms of a discrete relaxation: function, users, items and head.

        The encodings of users are `(users, embedding_dim)`, those of items likewise, a head is
        `(width,)`.
        """
        (decision,), tables = self.decisions, self.encode()
        found = []
        for edge, candidate in (relaxation or self._path).active[DECISION]:
            encoder = decision.sources[edge]
            table = tables[encoder] if ENCODERS[encoder].needs_graph else tables.layer(0)
            users, items = torch.split(table, list(self.embeddings.sizes))
            width = self.functions[candidate].width(self.embeddings.dim)
            found.append(
                (
                    decision.operations[candidate],
                    self.transformed(0, users),
                    self.transformed(1, items),
                    self.heads[self._row[edge, candidate], :width],
                )
            )
        return found

    @torch.no_grad()
    def item_biases(self) -> Tensor:
        """Return the bias of each item, `(items,)`; zero without biases."""
        table, (users, _) = self.embeddings.full(), self.embeddings.sizes
        if table.shape[1] == self.embeddings.dim:
            return table.new_zeros(len(table) - users)
        return table[users:, -1].clone()
