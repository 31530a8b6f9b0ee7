"""Time and memory of a search by the number of ratings or of pairs to rank, 1 to 100 million.

For each number, random ratings of distinct pairs are written chunk by chunk to a parquet or csv
file. Then `python -m sif.search` runs on it in a separate process, with one thread, one restart, a
few epochs of search, one epoch of stand-alone training, and batches of 8192. The numbers of users
and items are constant, so only the number of ratings grows. With `--task ranking` each rating is a
positive, and neither closed forms nor a refit are measured. With `--task click` a rating above the
middle is a click, and neither known models nor a refit are measured.

    python benchmarks/scale.py --ratings 1e6 1e7 1e8
    python benchmarks/scale.py --task ranking --ratings 1e6 1e7
    python benchmarks/scale.py --task click --ratings 1e6 1e7 --epochs 1
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from nasp.atomic_io import write_text
from nasp.runs import plots

USERS, ITEMS, DIM, NOISE = 100_000, 20_000, 4, 0.5
CHUNK = 1 << 20
OPTIONS = [
    *("--restarts", "1", "--finalists", "1", "--warm_up", "0", "--batch_size", "8192"),
    *("--train_epochs", "1", "--tracking", "none", "--device", "cpu"),
]
OF_TASK = {
    "rating": ["--task", "rating"],
    "ranking": [
        *("--task", "ranking", "--embedding_dim", "16", "--encoders", "id", "--known", "[]"),
        *("--closed_form_trials", "0", "--refit", "false"),
    ],
    "click": [
        *("--task", "click", "--embedding_dim", "8", "--hidden_units", "16", "--known", "[]"),
        *("--refit", "false"),
    ],
}
QUALITY = {"rating": "rmse", "ranking": "ndcg_10", "click": "auc"}
RIVAL = {"rating": "biases", "ranking": "popularity", "click": "biases"}
TITLES = {
    "rating": "test RMSE (biases)",
    "ranking": "test NDCG@10 (popularity)",
    "click": "test AUC (biases)",
}
MIDDLE = 3.5
RESULTS = Path(__file__).parent / "results"
Row = dict[str, float]


def chunks(ratings: int, seed: int, task: str) -> Iterator[pa.Table]:
    """Yield ratings, or clicks, of distinct pairs, made by a product of embeddings with noise."""
    random = np.random.default_rng(seed)
    users, items = (random.uniform(-1, 1, (count, DIM)) for count in (USERS, ITEMS))
    pairs = USERS * ITEMS
    step = int(pairs * (math.sqrt(5) - 1) / 2)  # visits all pairs in steps of the golden ratio
    while math.gcd(step, pairs) > 1:
        step += 1
    for start in range(0, ratings, CHUNK):
        pair = np.arange(start, min(start + CHUNK, ratings)) * step % pairs
        user, item = np.divmod(pair, ITEMS)
        noise = NOISE * random.standard_normal(len(pair))
        rating = MIDDLE + (users[user] * items[item]).sum(1) + noise
        if task == "click":
            rating = rating > MIDDLE
        yield pa.table({"user": user, "item": item, "rating": rating.astype(np.float32)})


def make(path: Path, ratings: int, seed: int, task: str) -> None:
    parts = chunks(ratings, seed, task)
    first = next(parts)
    writer = arrow_csv.CSVWriter if path.suffix == ".csv" else parquet.ParquetWriter
    with writer(path, first.schema) as file:
        file.write_table(first)
        for part in parts:
            file.write_table(part)


def measure(ratings: int, epochs: int, kind: str, folder: Path, task: str) -> Row:
    """Measure one row of the table, and remove all files of the run."""
    table, output = folder / f"ratings.{kind}", folder / "run"
    make(table, ratings, 1, task)
    size = table.stat().st_size
    command = [sys.executable, "-m", "sif.search", "--data", str(table), "--output", str(output)]
    command += [*OPTIONS, *OF_TASK[task], "--epochs", str(epochs)]
    # XDG_CACHE_HOME is the folder for files of the columns of a large table.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(folder)}
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    result = json.loads((output / "result.json").read_text())
    seconds, quality = result["seconds"], f"test/{QUALITY[task]}"
    return {
        "ratings": ratings,
        "file": size / 1e6,
        "read": seconds["read"],
        "prepare": seconds["prepare"],
        "epoch": seconds["search"] / epochs,
        "total": seconds["total"],
        "memory": result["peak_memory_mb"],
        "quality": result["metrics"][quality],
        "rival": result["metrics"][f"{quality}_{RIVAL[task]}"],
    }


def markdown(rows: list[Row], kind: str, task: str) -> str:
    lines = [
        f"| ratings | {kind}, MB | read and split, s | prepare, s | search epoch, s "
        f"| whole job, s | peak memory, MB | {TITLES[task]} |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['ratings']:.0e} | {row['file']:.0f} | {row['read']:.1f} "
            f"| {row['prepare']:.1f} | {row['epoch']:.1f} | {row['total']:.0f} "
            f"| {row['memory']:.0f} | {row['quality']:.3f} ({row['rival']:.3f}) |"
        )
    return "\n".join(lines) + "\n"


def draw(rows: list[Row], path: Path) -> None:
    """Plot seconds, with a line of slope 1, and peak memory by the number of ratings, log-log."""
    figure = plots.new_figure(10, 4)
    left, right = figure.subplots(1, 2)
    ratings = [row["ratings"] for row in rows]
    names = {"read": "read and split", "prepare": "prepare", "epoch": "search epoch"}
    for position, (key, name) in enumerate(names.items()):
        left.plot(ratings, [row[key] for row in rows], "o", label=name, **plots.style(position))
    linear = [rows[0]["epoch"] * count / ratings[0] for count in ratings]
    left.plot(ratings, linear, color="0.7", linewidth=0.8, label="linear in the ratings")
    left.set_ylabel("seconds, one thread")
    right.plot(ratings, [row["memory"] for row in rows], "o", **plots.style(0))
    right.set_ylabel("peak memory, MB")
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("ratings")
        axes.grid(color="0.9")
    left.legend(frameon=False, fontsize="small")
    figure.suptitle("A search by the number of ratings")
    plots.save(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ratings", type=float, nargs="+", default=[1e6, 1e7])
    parser.add_argument("--task", choices=list(OF_TASK), default="rating")
    parser.add_argument("--epochs", type=int, default=2, help="of the search")
    parser.add_argument("--format", choices=["parquet", "csv"], default="parquet")
    parser.add_argument("--folder", type=Path, help="for temporary files, a few GB")
    parser.add_argument("--save", action="store_true", help="write results/scale.md and .png")
    arguments = parser.parse_args()
    rows = []
    for count in map(int, arguments.ratings):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            rows.append(
                measure(count, arguments.epochs, arguments.format, Path(folder), arguments.task)
            )
        table = markdown(rows, arguments.format, arguments.task)
        print(table.splitlines()[-1], file=sys.stderr, flush=True)
    print(table)
    if arguments.save:
        name = "scale" if arguments.task == "rating" else f"scale-{arguments.task}"
        write_text(RESULTS / f"{name}.md", table)
        draw(rows, RESULTS / f"{name}.png")


if __name__ == "__main__":
    main()
