"""Time of a search step by the number of candidate functions of three and four embeddings.

One-path evaluation (the selected function under autograd, the others in grouped products in the
backward pass) is compared with all candidates under autograd in both steps, as in the authors'
code. Ratings are random. Both run the same strategy on the same batches, and alternate in one
process.

    python benchmarks/tensor_space.py
"""

import argparse
from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch
from rating_searches import ALONE
from search_steps import Steps
from timing import medians, seconds

from nasp.core.relaxation import Relaxation
from nasp.strategies.nasp import NASP
from sif.data.search_data import SearchData
from sif.nn.operations import functions
from sif.options import SearchOptions
from sif.tasks.rating import RatingTask

SIZES = (2000, 2000, 20, 20)
STEPS, WARM, BATCH, ROUNDS = 50, 2, 512, 5


class FullNASP(NASP):
    """NASP with all candidates under autograd, inactive ones with weight 0."""

    def _project(self) -> None:
        self._path = Relaxation.dense(self.projection())


def made_up(entities: int) -> SearchData:
    """Make random ratings with this number of entities, a batch for each step."""
    random, count = np.random.default_rng(1), (WARM + STEPS) * BATCH
    names = ("user", "item", "context_1", "context_2")[:entities]
    ids = {name: random.integers(0, size, count) for name, size in zip(names, SIZES, strict=False)}
    frame = pd.DataFrame({**ids, "rating": random.standard_normal(count)})
    return SearchData.from_splits(frame, frame)


def step_ms(
    data: SearchData, kind: type[NASP], candidates: Sequence[str], dim: int
) -> tuple[float]:
    """Return the mean milliseconds of an architecture and a weight step."""
    options = SearchOptions(embedding_dim=dim, batch_size=BATCH, **ALONE)
    task = RatingTask(data, options, functions=tuple(candidates))
    steps = Steps(task, kind)
    pairs = list(task.batch_pairs(steps.generator))

    def take(some: Sequence[tuple[object, object]]) -> None:
        for train, valid in some:
            steps.iteration(train, valid)

    take(pairs[:WARM])
    return (seconds(lambda: take(pairs[WARM:])) / STEPS * 1e3,)


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
        data = made_up(entities)
        times = medians(
            {
                kind.__name__: partial(step_ms, data, kind, chosen, arguments.embedding_dim)
                for kind in (NASP, FullNASP)
            },
            rounds=1 if count > 100 else ROUNDS,
            warm=0,
        )
        (ours,), (full,) = times.values()
        print(f"| {entities} | {len(chosen)} | {ours:.2f} | {full:.2f} | {full / ours:.1f} |")


if __name__ == "__main__":
    main()
