"""Does the search find a planted interaction function?

Synthetic ratings are made by each operation in turn, with several seeds. The search passes a seed
if the test RMSE of the function that it found, trained alone, is at most 1 % above that of the
planted operation, searched and trained alone in the same way.

    python benchmarks/planted.py --jobs 2
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import torch

from nasp.core.loop import Run
from sif.data import Synthetic, split, synthetic
from sif.metrics import errors
from sif.operations import OPERATIONS
from sif.options import SearchOptions
from sif.pipeline import Found, find
from sif.visible import Data

TOLERANCE = 1.01


def measure(task: tuple[str, int]) -> tuple[str, str, float, float]:
    """Planted and found operation, and the test RMSE of each."""
    planted, seed = task
    torch.set_num_threads(1)
    parts = split(synthetic(Synthetic(operation=planted), seed=seed), seed=seed)
    data = Data.of(parts.train, parts.valid)
    test = data.judge(parts.test)

    def judged(found: Found) -> float:
        return errors(found.model.rate(test), test, data.scale)["rmse"]

    options = SearchOptions()
    found = find(data, options, seed, Run())
    one = replace(options, restarts=1, finalists=1)
    truth = find(data, one, seed, Run(), (planted,))
    return planted, found.candidates[0].operation, judged(found), judged(truth)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2, help="processes, of one thread each")
    arguments = parser.parse_args()
    tasks = [(name, seed) for name in OPERATIONS for seed in range(1, arguments.seeds + 1)]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        rows = list(pool.map(measure, tasks))
    print("| planted | within 1 % | found | mean test RMSE, found | planted | worst ratio |")
    print("|---|---|---|---|---|---|")
    for name in OPERATIONS:
        of = [row for row in rows if row[0] == name]
        passed = sum(ours <= TOLERANCE * truth for _, _, ours, truth in of)
        found = [row[1] for row in of]
        counts = ", ".join(f"{k} {found.count(k)}" for k in OPERATIONS if k in found)
        ours = sum(row[2] for row in of) / len(of)
        truth = sum(row[3] for row in of) / len(of)
        worst = max(row[2] / row[3] for row in of)
        score = f"{passed} of {len(of)}"
        print(f"| {name} | {score} | {counts} | {ours:.4f} | {truth:.4f} | {worst:.3f} |")


if __name__ == "__main__":
    main()
