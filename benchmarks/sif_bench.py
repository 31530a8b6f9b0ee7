"""SIF-Bench: each interaction function of seven data sets trained alone, as a table.

Each member of the default search space (an encoder and a function, one term) is trained on the
training ratings with the default options, its best epoch is chosen on the validation ratings, and
it is evaluated on the test ratings. Members whose posterior can be sampled are sampled, too. The
table of results has a line for each training. `sif_regret.py` judges searches by it.

Rows that the table has already are not measured again, so a killed run goes on.

    python benchmarks/sif_bench.py --output benchmarks/results/sif_bench.csv --jobs 2
"""

import argparse
import csv
import io
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch

from nasp.atomic_io import write_text
from nasp.core.genotype import Genotype
from nasp.errors import Diverged
from nasp.runs.context import RunContext
from nasp.search import SearchResult
from nasp.search.executors import open_executor
from sif.config import SearchConfig
from sif.data.rating_tensors import Ratings
from sif.data.search_data import SearchData
from sif.evaluation.ratings import evaluate_predictions
from sif.nn.operations import functions
from sif.nn.space import DECISION, InteractionSpace
from sif.posterior.sampling import can_be_sampled
from sif.tasks.rating import RatingTask
from sif.zoo import BIASES

DATA = {
    "movielens-100k": SearchConfig(data="movielens-100k"),
    "movielens-1m": SearchConfig(data="movielens-1m"),
    "douban": SearchConfig(data="douban"),
    "frappe": SearchConfig(data="frappe", columns="user=user,item=item,rating=cnt"),
    "tripadvisor": SearchConfig(data="tripadvisor"),
    "frappe-daytime": SearchConfig(
        data="frappe", columns="user=user,item=item,context=daytime,rating=cnt"
    ),
    "frappe-weekday": SearchConfig(
        data="frappe", columns="user=user,item=item,context=weekday,rating=cnt"
    ),
}
"""Data sets of the table by name: four of users and items, three with a context."""
COLUMNS = ("data", "seed", "encoder", "function", "training")  # the key of a row
VALUES = ("valid_rmse", "test_rmse", "epoch", "epochs", "seconds")
Key = tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """A data set, split with one seed.

    Attributes:
        task: Trains members on it.
        test: Test ratings.
        seed: Determines split and trainings.
    """

    task: RatingTask
    test: Ratings
    seed: int


def load(name: str, seed: int) -> Split:
    """Read and split a data set; print what was understood of it."""
    config = DATA[name].resolved()
    splits = config.task_data(seed).splits
    config = config.for_task("rating", len(splits.train), print)
    data = SearchData.from_splits(splits.train, splits.valid)
    return Split(RatingTask(data, config), data.encode(splits.test), seed)


def members(split: Split) -> list[tuple[str, str, str]]:
    """Return the encoder, the function and the training of each row of a split's table."""
    entities = len(split.task.sizes)
    rows = [("", "biases", "map")]
    for encoder, function in product(split.task.options.encoders, functions(entities)):
        rows.append((encoder, function, "map"))
        if can_be_sampled(genotype_of(encoder, function), entities):
            rows.append((encoder, function, "posterior"))
    return rows


def genotype_of(encoder: str, function: str) -> Genotype:
    """Return the genotype of a row's encoder and function."""
    if function == "biases":
        return BIASES
    return Genotype(InteractionSpace.name, {DECISION: ((encoder, function),)})


def measure(split: Split, encoder: str, function: str, training: str) -> tuple[str, ...]:
    """Train a member, and return the values of its row; `nan` if the training diverges."""
    torch.set_num_threads(1)
    genotype, start = genotype_of(encoder, function), time.perf_counter()
    way = split.task.train if training == "map" else split.task.refine
    try:
        (trained,) = way("SIF-Bench", genotype, split.seed, RunContext())
    except Diverged:
        return "nan", "nan", "", "", f"{time.perf_counter() - start:.2f}"
    seconds = time.perf_counter() - start
    model = split.task.model(SearchResult(genotype, trained.metrics, {}, {}, [trained]))
    predictions = model.rate(split.test)
    test = evaluate_predictions(predictions, split.test, split.task.data.scale)["rmse"]
    valid = trained.metrics[split.task.monitor.name]
    epochs = str(trained.epoch + 1), str(len(trained.history))
    return f"{valid:.5f}", f"{test:.5f}", *epochs, f"{seconds:.2f}"


def read(path: Path) -> dict[Key, Key]:
    """Read a table: the values of each row by its key."""
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        lines = list(csv.reader(file))[1:]
    return {tuple(line[: len(COLUMNS)]): tuple(line[len(COLUMNS) :]) for line in lines}


def write(path: Path, table: dict[Key, Key]) -> None:
    """Write a table, sorted by its keys."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*COLUMNS, *VALUES))
    writer.writerows((*key, *values) for key, values in sorted(table.items()))
    write_text(path, text.getvalue())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--data", nargs="+", default=list(DATA), choices=list(DATA))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--trainings", nargs="+", default=["map", "posterior"])
    parser.add_argument("--jobs", type=int, default=2, help="processes, of one thread each")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for seed, name in product(arguments.seeds, arguments.data):
        split, table = load(name, seed), read(arguments.output)
        missing = [
            row
            for row in members(split)
            if row[2] in arguments.trainings and (name, str(seed), *row) not in table
        ]
        with open_executor(f"processes:{arguments.jobs}", split) as executor:
            for row in missing:
                executor.submit(row, measure, *row)
            for row, result in executor.results():
                table[name, str(seed), *row] = result.value()
                write(arguments.output, table)
        print(f"{name}, seed {seed}: {len(missing)} trainings", flush=True)


if __name__ == "__main__":
    main()
