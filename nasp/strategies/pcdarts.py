"""PC-DARTS: normalised edges (Xu et al., ICLR 2020, arXiv 1907.05737)."""

from torch import Tensor

from nasp.strategies.edge_weights import EdgeWeighted


class PCDARTS(EdgeWeighted):
    """Runs all candidates, weighted by a softmax over each edge's `A` and one over a node's edges.

    A candidate's weight is `softmax(β)[e] · softmax(A[e])[k]`, with a trained β for each edge
    (section 3.3). The answer keeps the best operation of the best edges by the same products. β
    changes nothing in decisions of one edge, as in the space `nasbench201`, and with one encoder.

    The paper's partial channels (section 3.2) are an option of the CNN space, for all strategies:
    `--partial_channels 4` passes a quarter of the channels. Its searches of 50 epochs train `A`
    after the first 15: `--warm_up 15`.
    """

    def _means(self) -> dict[str, Tensor]:
        return {
            name: self.edges[name].softmax(dim=0) * weights
            for name, weights in super()._means().items()
        }
