"""Time of a search epoch against the number of candidate functions of three and four embeddings.

One-path evaluation (the selected function under autograd, the rest in grouped products inside the
backward pass) against all candidates under autograd in both steps, the way the authors' code does
it. Made-up ratings; both run the same strategy on the same batches, alternating in one process.

    python benchmarks/tensor_space.py
"""

import argparse
import statistics
import time
from functools import partial

import torch

from nasp.core.relaxation import Relaxation
from nasp.search.one_shot import _loss
from nasp.strategies import StrategyOptions
from nasp.strategies.nasp import NASP
from nasp.training.optimization import descend
from sif.nn.operations import functions
from sif.nn.space import InteractionSpace
from sif.options import SpaceOptions

SIZES = (2000, 2000, 20, 20)
STEPS, BATCH, ROUNDS = 50, 512, 5


class FullNASP(NASP):
    """NASP with every candidate under autograd, unselected ones at weight zero."""

    def _project(self) -> None:
        self._path = Relaxation.dense(self.projection())


def epoch(kind: type[NASP], entities: int, candidates: tuple[str, ...], dim: int) -> float:
    """Seconds of `STEPS` architecture and weight steps."""
    generator = torch.Generator().manual_seed(1)
    sizes = SIZES[:entities]
    space = InteractionSpace(sizes, SpaceOptions(embedding_dim=dim), generator, candidates)
    strategy = kind(space, generator, StrategyOptions())
    optimizer = torch.optim.Adagrad(space.weights(), lr=0.1, fused=True)
    first = torch.tensor([0, *sizes[:-1]]).cumsum(0)[:, None]
    batches = [
        (
            torch.stack([torch.randint(s, (BATCH,), generator=generator) for s in sizes]) + first,
            torch.randn(BATCH, generator=generator),
        )
        for _ in range(STEPS + 2)
    ]
    weights = space.weights()
    for step, batch in enumerate(batches):
        if step == 2:  # warmed up
            start = time.perf_counter()
        loss = partial(_loss, space, batch)
        strategy.architecture_step(loss, loss)
        descend(space(batch, strategy.weight_relaxation()), weights, optimizer)
        space.constrain()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embedding_dim", type=int, default=8)
    parser.add_argument("--counts", type=int, nargs="+", default=[5, 13, 23, 33, 43, 53])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"median of {ROUNDS} rounds of {STEPS} steps, batches of {BATCH}, one thread")
    print("| entities | candidates | one path, ms a step | all, ms a step | ratio |")
    print("|---|---|---|---|---|")
    tasks = [(3, n) for n in arguments.counts] + [(4, 5), (4, 897)]
    for entities, count in tasks:
        names = tuple(functions(entities))
        stride = names[5:][:: max(1, (len(names) - 5) // max(1, count - 5))]
        chosen = (*names[:5], *stride[: count - 5])
        rounds = 1 if count > 100 else ROUNDS
        times = [
            [
                epoch(kind, entities, chosen, arguments.embedding_dim) / STEPS * 1e3
                for kind in (NASP, FullNASP)
            ]
            for _ in range(rounds)
        ]
        ours, full = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"| {entities} | {len(chosen)} | {ours:.2f} | {full:.2f} | {full / ours:.1f} |")


if __name__ == "__main__":
    main()
