"""Time of LightGCN's propagation by torch-sparse and by torch's compressed rows.

Measured are forward and backward pass of a propagation through the graph of all ratings of a table,
as in every batch of `graph3`; `--share 0.5` takes as many ratings as the default training split.
Both backends alternate, with their stored transposes already made. "Plain" is `matrix @ embeddings`
with torch's compressed rows and torch's backward pass. The ratio is torch's median time divided by
torch-sparse's, so torch-sparse is faster if it is above 1. The difference is the largest difference
of the gradients, relative to the largest entry.

    python benchmarks/propagation.py --data ml-1m
"""

import argparse
import warnings
from collections.abc import Callable

import numpy as np
import torch
from timing import medians, seconds
from torch import Tensor

from sif.data import Encoder, Table, load_ratings
from sif.data.rating_tensors import table_rows
from sif.nn.encoders import RatingGraph
from sif.nn.graph import BACKENDS, Propagation, backend_installed


def plain(graph: Propagation) -> Callable[[Tensor], Tensor]:
    """Return the product by torch's compressed rows with torch's backward pass."""
    entries = torch.stack([graph.row, graph.column])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse")  # torch warns that they are in beta
        matrix = torch.sparse_coo_tensor(entries, graph.value, graph.shape).to_sparse_csr()
    return lambda embeddings: matrix @ embeddings


def step(
    graph: Callable[[Tensor], Tensor], embeddings: Tensor, layers: int
) -> Callable[[], Tensor]:
    """Return a function that runs both passes and returns the gradient of the embeddings."""

    def run() -> Tensor:
        layer = total = embeddings
        for _ in range(layers):
            layer = graph(layer)
            total = total + layer
        (gradient,) = torch.autograd.grad(total.square().sum(), [embeddings])
        return gradient

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="ml-1m", help="a data set's name, or a path")
    parser.add_argument("--share", type=float, default=1.0, help="of the ratings")
    parser.add_argument("--embedding_dim", type=int, nargs="+", default=[8, 64])
    parser.add_argument("--layers", type=int, nargs="+", default=[2, 3])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    frame = load_ratings(arguments.data).frame().sample(frac=arguments.share, random_state=0)
    table = Table.from_frame(frame)
    encoder = Encoder.fit(table)
    positions = torch.from_numpy(np.stack(encoder.positions(table), axis=1))
    rows, nodes = table_rows(positions, encoder.sizes), sum(encoder.sizes)
    backends = [backend for backend in BACKENDS if backend_installed(backend)]
    print(f"{len(table)} ratings, {nodes} nodes, {arguments.threads} threads", flush=True)
    print(
        "| dim | layers | plain, ms | torch, ms | torch-sparse, ms | ratio | largest difference |"
    )
    print("|---|---|---|---|---|---|---|")
    graphs = [RatingGraph(rows, nodes, backend).normalised for backend in backends]
    ways = [plain(graphs[0]), *graphs]
    for dim in arguments.embedding_dim:
        generator = torch.Generator().manual_seed(0)
        embeddings = torch.randn(nodes, dim, generator=generator, requires_grad=True)
        for layers in arguments.layers:
            runs = [step(way, embeddings, layers) for way in ways]
            gradients = [run() for run in runs]
            times = medians(
                {str(i): lambda run=run: (1000 * seconds(run),) for i, run in enumerate(runs)},
                arguments.rounds,
                warm=0,  # computing the gradients was the warm-up
            )
            milliseconds = [time for (time,) in times.values()]
            cells = " | ".join(f"{median:.1f}" for median in milliseconds)
            if len(backends) == 1:
                cells += " | not installed | | |"
            else:
                difference = float((gradients[1] - gradients[2]).abs().max())
                difference /= float(gradients[1].abs().max())
                cells += f" | {milliseconds[1] / milliseconds[2]:.2f} | {difference:.0e} |"
            print(f"| {dim} | {layers} | {cells}", flush=True)


if __name__ == "__main__":
    main()
