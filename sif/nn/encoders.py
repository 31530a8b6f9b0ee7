"""Encoders: how the encodings of users and items are made of the table of embeddings.

An encoder maps the whole table `(rows, embedding_dim)` to a table of encodings of the same shape.
All encoders share the table, so a search space of many encoders has no more weights than that of
one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from sif.nn.graph import Backend, Propagation, distinct_pairs
from sif.options import ENCODERS


class RatingGraph(nn.Module):
    """The graph of users and the items that they rated, as two constant sparse matrices.

    Args:
        rows: The edges: table rows of users and items of the training ratings, `(2, ratings)`.
            Several ratings of a pair are one edge.
        nodes: Number of rows of the table. A context is a node without edges.
        backend: See `Propagation`.

    Attributes:
        normalised: `D^-1/2 A D^-1/2` (He et al. 2020, LightGCN, eq. 7).
        history: `D^-1/2 A`: the sum over what a user rated, or over those who rated an item,
            divided by the root of their number (Koren 2008, SVD++, eq. 15).
        shares: The entry of each edge of a node in `history`, `(nodes,)`; 0 without edges.
    """

    shares: Tensor

    def __init__(self, rows: Tensor, nodes: int, backend: Backend | None = None) -> None:
        super().__init__()
        user, item = distinct_pairs(rows)
        source, target = torch.cat([user, item]), torch.cat([item, user])
        degree = torch.bincount(source, minlength=nodes).float()
        both, shares = (degree[source] * degree[target]).rsqrt(), degree.rsqrt()
        shape = nodes, nodes
        self.normalised = Propagation(source, target, both, shape, backend)
        self.history = Propagation(source, target, shares[source], shape, backend)
        self.register_buffer("shares", shares.masked_fill(degree == 0, 0.0), persistent=False)


class EncodedTables:
    """The tables of encodings for one state of the embeddings, each computed on first use.

    Args:
        table: The embeddings, `(rows, embedding_dim)`.
        graph: The graph; None if only the encoder `id` and known encodings are used.
        known: Encodings by encoder that need not be computed.
    """

    def __init__(
        self, table: Tensor, graph: RatingGraph | None, known: Mapping[str, Tensor] | None = None
    ) -> None:
        self._graph, self._layers = graph, [table]
        self._tables = dict(known or {})

    @property
    def graph(self) -> RatingGraph:
        assert self._graph is not None, "an encoder of neighbours needs a graph"
        return self._graph

    def layer(self, number: int) -> Tensor:
        """Return the embeddings after some steps of propagation; after none, the embeddings."""
        while len(self._layers) <= number:
            self._layers.append(self.graph.normalised(self._layers[-1]))
        return self._layers[number]

    def __getitem__(self, encoder: str) -> Tensor:
        if encoder not in self._tables:
            self._tables[encoder] = ENCODERS[encoder].encode(self)
        return self._tables[encoder]

    def look_up(self, encoder: str, rows: Tensor, rated: bool) -> Tensor:
        """Return the encodings of rows `(entities, ratings)`, `(entities, ratings, dim)`.

        Args:
            encoder: Name of the encoder.
            rows: The rows.
            rated: Whether the pairs are edges of the graph, that is, training ratings. An encoder
                of the ratings' own pairs leaves them out.
        """
        encoded = self[encoder].index_select(0, rows.flatten()).view(*rows.shape, -1)
        if not (rated and ENCODERS[encoder].holds_own_edge):
            return encoded
        user, item, *contexts = encoded.unbind()
        own = self.layer(0).index_select(0, rows[:2].flatten()).view(2, rows.shape[1], -1)
        share = self.graph.shares[rows[:2]].unsqueeze(2)
        without = (user - share[0] * own[1], item - share[1] * own[0])
        return torch.stack([*without, *contexts])


@dataclass(frozen=True)
class Encoder:
    """An encoder.

    Attributes:
        encode: Returns the table of encodings.
        needs_graph: Whether it uses the graph.
        holds_own_edge: Whether an encoding of a rating's user contains the rating's item, and the
            other way round, with the weight `RatingGraph.shares`. In training it is left out,
            because a pair that is to be predicted later is not in the graph.
    """

    encode: Callable[[EncodedTables], Tensor]
    needs_graph: bool = True
    holds_own_edge: bool = False


def _own(tables: EncodedTables) -> Tensor:
    return tables.layer(0)


def _history(tables: EncodedTables) -> Tensor:
    embeddings = tables.layer(0)
    total: Tensor = embeddings + tables.graph.history(embeddings)
    return total


def _propagated(steps: int, tables: EncodedTables) -> Tensor:
    # The paper takes the mean over steps. A penalty on embeddings would then weigh several times as
    # much as with the other encoders, and the model would learn nothing.
    total = tables.layer(0)
    for step in range(1, steps + 1):
        total = total + tables.layer(step)
    return total


ID = Encoder(_own, needs_graph=False)
HISTORY = Encoder(_history, holds_own_edge=True)
GRAPH1, GRAPH2, GRAPH3 = (Encoder(partial(_propagated, steps)) for steps in (1, 2, 3))
