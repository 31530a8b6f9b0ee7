"""Regret of the search on MovieLens 100K: the found operation against the best of all operations.

For each configuration, embedding_dim and seed, the search runs as in the command. Then each
operation is searched as the only candidate, so that it gets its own MLPs, trained alone, and
evaluated on the test split. The regret is the test RMSE of the found function minus the smallest of
the five. So it includes the noise of the test split and of the trainings, to the disadvantage of
the search.

    python benchmarks/movielens_regret.py --data movielens --jobs 2
"""

import argparse
import statistics
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import product

import torch
from rating_searches import ALONE, RatingSearches

from sif.data import load_ratings, split_ratings
from sif.nn.operations import OPERATIONS
from sif.options import SearchOptions

CONFIGS = {
    "default": SearchOptions(**ALONE),
    "paper": SearchOptions(
        biases=False,
        penalty="norm",
        weight_decay=1e-5,
        learning_rate=0.05,
        gradient_clip=5.0,
        **ALONE,
    ),
}
Row = tuple[str, int, int, str, float, str, float, float, dict[str, float]]


def measure(task: tuple[str, str, int, int]) -> Row:
    """Measure one row of the table."""
    source, config, dim, seed = task
    torch.set_num_threads(1)
    options = replace(CONFIGS[config], embedding_dim=dim)
    ratings = RatingSearches(split_ratings(load_ratings(source), seed=seed), options, seed)
    name, rmse = ratings.search()
    each = {operation: ratings.alone(operation) for operation in OPERATIONS}
    best = min(each, key=lambda operation: each[operation])
    return config, dim, seed, name, rmse, best, each[best], ratings.biases(), each


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="movielens")
    parser.add_argument("--configs", nargs="+", default=list(CONFIGS), choices=list(CONFIGS))
    parser.add_argument("--embedding_dim", type=int, nargs="+", default=[2, 8])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--jobs", type=int, default=2, help="processes, of one thread each")
    arguments = parser.parse_args()
    cells = product(arguments.configs, arguments.embedding_dim, arguments.seeds)
    tasks = [(arguments.data, *cell) for cell in cells]
    print(
        "| config | embedding_dim | seed | found | test RMSE | best | test RMSE | regret | biases |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    groups: dict[tuple[str, int], list[Row]] = {}
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for row in pool.map(measure, tasks):
            config, dim, seed, name, ours, best, theirs, trivial, each = row
            groups.setdefault((config, dim), []).append(row)
            print(
                f"| {config} | {dim} | {seed} | {name} | {ours:.4f} | {best} | {theirs:.4f} "
                f"| {ours - theirs:+.4f} | {trivial:.4f} |"
                + "  <!-- "
                + ", ".join(f"{k} {v:.4f}" for k, v in each.items())
                + " -->",
                flush=True,
            )
    print("\n| config | embedding_dim | mean test RMSE | mean regret | largest | biases |")
    print("|---|---|---|---|---|---|")
    for (config, dim), rows in groups.items():
        regrets = [row[4] - row[6] for row in rows]
        print(
            f"| {config} | {dim} | {statistics.mean(row[4] for row in rows):.4f} "
            f"| {statistics.mean(regrets):+.4f} | {max(regrets):+.4f} "
            f"| {statistics.mean(row[7] for row in rows):.4f} |"
        )


if __name__ == "__main__":
    main()
