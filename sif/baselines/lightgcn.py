"""LightGCN: embeddings propagated through the graph of users and rated items."""

import torch
from torch import Tensor

from sif.baselines.fixed import CP
from sif.data.search_data import SearchData
from sif.nn.graph import Backend, Propagation, distinct_pairs
from sif.options import SpaceOptions

LAYERS = 3  # propagation steps, as in the paper's tables


def rating_graph(rows: Tensor, nodes: int, backend: Backend | None = None) -> Propagation:
    """Make the normalised graph of users and items, `D^-1/2 A D^-1/2` (He et al., 2020, eq. 7).

    Args:
        rows: The edges: table rows of the training ratings, `(2, ratings)`. Several ratings of a
            pair are one edge.
        nodes: Number of users and items.
        backend: See `Propagation`.
    """
    user, item = distinct_pairs(rows)
    degree = torch.bincount(torch.cat([user, item]), minlength=nodes).float()
    value = (degree[user] * degree[item]).rsqrt()
    source, target = torch.cat([user, item]), torch.cat([item, user])
    return Propagation(source, target, value.repeat(2), (nodes, nodes), backend)


class LightGCN(CP):
    """`⟨u, v⟩` of embeddings summed over 0 to 3 propagation steps (He et al., 2020, §3.1).

    The paper takes the mean over steps, which is a quarter of the sum. A penalty on embeddings
    would then weigh 4² = 16 times as much as in matrix factorisation, and the model would learn
    nothing.

    Every batch propagates through the whole graph, because embeddings change at every step. The
    cost grows with the number of ratings and does not depend on the batch, so use a large
    `batch_size` for a large table. Biases do not propagate, and the penalty is on embeddings before
    propagation, as in the paper.
    """

    least = most = 2

    def __init__(self, data: SearchData, options: SpaceOptions, generator: torch.Generator) -> None:
        super().__init__(data, options, generator)
        self.graph = rating_graph(data.train.rows, sum(data.encoder.sizes))

    def rate(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        looked_up = self.embeddings.look_up(rows)
        _, bias = self.embeddings.parts(looked_up)
        propagated = self.propagated().index_select(0, rows.flatten())
        rating = self.interact(propagated.view(*rows.shape, self.embeddings.dim))
        return (rating if bias is None else rating + bias), looked_up

    def propagated(self) -> Tensor:
        """Return all nodes' embeddings summed over propagation steps, `(nodes, dim)` (eq. 4)."""
        layer = total = self.embeddings.table[:, : self.embeddings.dim]
        for _ in range(LAYERS):
            layer = self.graph(layer)
            total = total + layer
        return total
