"""The answer of `sif.search` beside trivial models, on every data set that is here.

Each row of the table is a data set and a task, with the test metric of the answer, of the best
trivial model (popularity, biases or the global mean) on the same rows, and their difference: mean
and standard deviation over the seeds. `better` and `worse` need a difference of more than the
noise, twice its standard error; with one seed there is no such error, and the sign alone counts. A
run whose folder in `--output` has a result is not repeated.

    python benchmarks/never_worse.py --output runs/never_worse --seeds 1 2 3 --data movielens
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sif.evaluation.clicks import AUC
from sif.evaluation.ranking import NDCG
from sif.evaluation.ratings import RMSE

METRICS = {"rating": RMSE, "ranking": NDCG, "click": AUC}
TRIVIAL = ("popularity", "biases", "global_mean")
RANKED = ("--task", "ranking", "--split_fractions", "0.7", "0.1", "0.2")
RUNS: Mapping[tuple[str, str], Sequence[str]] = {
    ("movielens", "rating"): (),
    ("movielens", "ranking"): RANKED,
    ("tripadvisor", "rating"): (),
    ("douban", "rating"): (),
    ("frappe", "rating"): (),
    ("movielens-1m", "rating"): (),
    ("movielens-1m", "ranking"): RANKED,
    ("gowalla", "ranking"): (),
    ("frappe-click", "click"): (),
}
"""Options of each run, by data set and task; others have their defaults."""


def run(data: str, task: str, seed: int, folder: Path) -> Path:
    """Search, unless it was done before, and return the path of the result."""
    output = folder / f"{data}-{task}-{seed}"
    result = output / "result.json"
    if not result.exists():
        command = [sys.executable, "-m", "sif.search", "--data", data, "--seed", str(seed)]
        command += ["--tracking", "none", "--output", str(output), *RUNS[data, task]]
        if output.exists():
            command.append("--resume")
        subprocess.run(command, check=True)
    return result


def gain(result: Path, task: str) -> tuple[float, float, float]:
    """Return the metric of the answer and of the best trivial model, and what the answer gains."""
    metrics, metric = json.loads(result.read_text())["metrics"], METRICS[task]
    name = metric.on("test").name
    trivial = [metrics[key] for end in TRIVIAL if (key := f"{name}_{end}") in metrics]
    sign = 1 if metric.larger_is_better else -1
    best = sign * max(sign * value for value in trivial)
    return metrics[name], best, sign * (metrics[name] - best)


def verdict(gains: Sequence[float]) -> str:
    """Return whether the answer is better than the trivial models, worse, or level."""
    noise = 0.0
    if len(gains) > 1:
        noise = 2 * statistics.stdev(gains) / math.sqrt(len(gains))
    mean = statistics.mean(gains)
    return "level" if abs(mean) <= noise else "better" if mean > 0 else "worse"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=list(dict.fromkeys(d for d, _ in RUNS)))
    parser.add_argument("--tasks", nargs="+", choices=METRICS, default=list(METRICS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    print("| data | task | test | seeds | answer | best trivial | gain | |")
    print("|---|---|---|---|---|---|---|---|")
    for data, task in RUNS:
        if data not in arguments.data or task not in arguments.tasks:
            continue
        results = [run(data, task, s, arguments.output) for s in arguments.seeds]
        answers, trivial, gains = zip(*(gain(one, task) for one in results), strict=True)
        spread = f" ± {statistics.stdev(gains):.4f}" if len(gains) > 1 else ""
        print(
            f"| {data} | {task} | {METRICS[task].title} | {len(gains)} "
            f"| {statistics.mean(answers):.4f} | {statistics.mean(trivial):.4f} "
            f"| {statistics.mean(gains):+.4f}{spread} | {verdict(gains)} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
