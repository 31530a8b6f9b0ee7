"""How often a search finds a planted interaction function.

Synthetic ratings are made by each operation in turn, with several seeds. There are two criteria,
both on test ratings. A seed passes "as operation" if the found operation, searched and trained as
the only candidate, has an error at most 1 % above that of the planted operation, searched and
trained in the same way. It passes "as function", which is stricter, if the trained function of the
search has such an error. If the search finds the planted operation, this compares two trainings of
it.

    python benchmarks/planted.py --jobs 2
"""

import argparse
import statistics
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import torch
from rating_searches import ALONE, RatingSearches

from sif.data import Synthetic, split_ratings, synthetic
from sif.nn.operations import OPERATIONS
from sif.options import SearchOptions

TOLERANCE = 1.01


@dataclass
class Measured:
    """The operations and test RMSEs of one seed."""

    planted: str
    named: str
    found_rmse: float
    named_rmse: float
    planted_rmse: float


def measure(task: tuple[str, int]) -> Measured:
    planted, seed = task
    torch.set_num_threads(1)
    parts = split_ratings(synthetic(Synthetic(operation=planted), seed=seed), seed=seed)
    ratings = RatingSearches(parts, SearchOptions(**ALONE), seed)
    named, found_rmse = ratings.search()
    planted_rmse = ratings.alone(planted)
    named_rmse = planted_rmse if named == planted else ratings.alone(named)
    return Measured(planted, named, found_rmse, named_rmse, planted_rmse)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2, help="processes, of one thread each")
    arguments = parser.parse_args()
    tasks = [(name, seed) for name in OPERATIONS for seed in range(1, arguments.seeds + 1)]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        rows = list(pool.map(measure, tasks))
    print(
        "| planted | operation within 1 % | function within 1 % | named |"
        " mean test RMSE, found | named alone | planted alone | worst ratio of the function |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name in OPERATIONS:
        of = [row for row in rows if row.planted == name]
        by_operation = sum(r.named_rmse <= TOLERANCE * r.planted_rmse for r in of)
        by_function = sum(r.found_rmse <= TOLERANCE * r.planted_rmse for r in of)
        named = [row.named for row in of]
        counts = ", ".join(f"{k} {named.count(k)}" for k in OPERATIONS if k in named)
        means = (
            statistics.mean(getattr(r, key) for r in of)
            for key in ("found_rmse", "named_rmse", "planted_rmse")
        )
        worst = max(r.found_rmse / r.planted_rmse for r in of)
        print(
            f"| {name} | {by_operation} of {len(of)} | {by_function} of {len(of)} | {counts} | "
            + " | ".join(f"{mean:.4f}" for mean in means)
            + f" | {worst:.3f} |"
        )


if __name__ == "__main__":
    main()
