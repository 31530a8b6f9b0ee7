"""LightGCN: embeddings propagated through the graph of users and rated items."""

import torch
from torch import Tensor

from sif.baselines.fixed import CP
from sif.data.search_data import SearchData
from sif.nn.encoders import EncodedTables
from sif.options import SpaceOptions

LAYERS = 3  # propagation steps, as in the paper's tables


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
        self.graph = data.graph()

    def rate(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        looked_up = self.embeddings.look_up(rows)
        _, bias = self.embeddings.parts(looked_up)
        propagated = self.propagated().index_select(0, rows.flatten())
        rating = self.interact(propagated.view(*rows.shape, self.embeddings.dim))
        return (rating if bias is None else rating + bias), looked_up

    def propagated(self) -> Tensor:
        """Return all nodes' embeddings summed over propagation steps, `(nodes, dim)` (eq. 4)."""
        table = self.embeddings.table[:, : self.embeddings.dim]
        return EncodedTables(table, self.graph)[f"graph{LAYERS}"]
