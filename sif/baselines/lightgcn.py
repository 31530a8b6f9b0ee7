"""LightGCN: embeddings that are summed over steps through the graph of who rated what."""

import torch
from torch import Tensor

from sif.baselines.fixed import CP
from sif.data.search_data import SearchData
from sif.nn.graph import Backend, Propagation, distinct_pairs
from sif.options import SpaceOptions

LAYERS = 3  # as in the paper's tables


def rating_graph(rows: Tensor, nodes: int, backend: Backend | None = None) -> Propagation:
    """The normalised graph of users and items, `D^-1/2 A D^-1/2` (He et al., 2020, eq. 7).

    Args:
        rows: Table rows of the training ratings, `(2, ratings)`: the edges. Several ratings of a
            pair are one edge.
        nodes: Users and items together.
        backend: What multiplies, see `Propagation`.
    """
    user, item = distinct_pairs(rows)
    degree = torch.bincount(torch.cat([user, item]), minlength=nodes).float()
    value = (degree[user] * degree[item]).rsqrt()
    source, target = torch.cat([user, item]), torch.cat([item, user])
    return Propagation(source, target, value.repeat(2), (nodes, nodes), backend)


class LightGCN(CP):
    """`⟨u, v⟩` of embeddings summed over 0 to 3 steps through the graph (He et al., 2020, §3.1).

    The paper takes the mean of the layers. That is a quarter of the sum, so a penalty on embeddings
    would weigh 4² = 16 times as much as in matrix factorisation, and nothing would be learnt.

    Every batch propagates through the whole graph: embeddings change with every step, so nothing
    older would be right. Its cost grows with the number of ratings, whatever the batch; for a large
    table choose a large `batch_size`. Biases do not propagate, and as in the paper the penalty is
    on the embeddings before propagation.
    """

    least = most = 2

    def __init__(self, data: SearchData, options: SpaceOptions, generator: torch.Generator) -> None:
        super().__init__(data, options, generator)
        self.graph = rating_graph(data.train.rows, sum(data.encoder.sizes))

    def rate(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        looked_up = self.embeddings.look_up(rows)
        _, bias = self.embeddings.parts(looked_up)
        propagated = self.propagated().index_select(0, rows.flatten())
        rating = self.meet(propagated.view(*rows.shape, self.embeddings.dim))
        return (rating if bias is None else rating + bias), looked_up

    def propagated(self) -> Tensor:
        """Embeddings of all nodes, the sum over the layers, `(nodes, dim)` (eq. 4)."""
        layer = total = self.embeddings.table[:, : self.embeddings.dim]
        for _ in range(LAYERS):
            layer = self.graph(layer)
            total = total + layer
        return total
