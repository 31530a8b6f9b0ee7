"""SIF-Bench: each interaction function of seven data sets trained alone, as a table.

Each member of the default search space (an encoder and a function, one term) is trained on the
training ratings with the default options, its best epoch is chosen on the validation ratings, and
it is evaluated on the test ratings. Members whose posterior can be sampled are sampled, too. The
table of results has a line for each training. A second table has what each restart of a search on
shared weights finds. `sif_regret.py` judges searches by them.

Rows that a table has already are not measured again, so a killed run goes on. Seconds are those of
the processor.

    python benchmarks/sif_bench.py --output benchmarks/results/sif_bench.csv
    python benchmarks/sif_bench.py --output benchmarks/results/sif_searches.csv --strategies nasp
"""

import argparse
import csv
import io
import time
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import torch

from nasp.atomic_io import write_text
from nasp.core.genotype import Genotype
from nasp.errors import Diverged
from nasp.runs.context import RunContext
from nasp.search import SearchResult
from nasp.search.executors import open_executor
from nasp.search.one_shot import final_genotype, one_shot_search
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
MEMBERS = (
    ("data", "seed", "encoder", "function", "training"),
    ("valid_rmse", "test_rmse", "epoch", "epochs", "seconds"),
)
"""Columns of the table of members: those of a row's key, and its values."""
SEARCHES = (
    ("data", "seed", "strategy", "restart"),
    ("encoder", "function", "valid_rmse", "seconds"),
)
"""Columns of the table of searches."""
Row = tuple[str, ...]


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
    genotype, start = genotype_of(encoder, function), time.process_time()
    way = split.task.train if training == "map" else split.task.refine
    try:
        (trained,) = way("SIF-Bench", genotype, split.seed, RunContext())
    except Diverged:
        return "nan", "nan", "", "", _seconds_since(start)
    seconds = _seconds_since(start)
    model = split.task.model(SearchResult(genotype, trained.metrics, {}, {}, [trained]))
    predictions = model.rate(split.test)
    test = evaluate_predictions(predictions, split.test, split.task.data.scale)["rmse"]
    valid = trained.metrics[split.task.monitor.name]
    epochs = str(trained.epoch + 1), str(len(trained.history))
    return f"{valid:.5f}", f"{test:.5f}", *epochs, seconds


def search(split: Split, strategy: str, restart: str) -> tuple[str, ...]:
    """Run one restart of a search, and return the values of its row."""
    torch.set_num_threads(1)
    start, options = time.process_time(), replace(split.task.options, strategy=strategy)
    task = RatingTask(split.task.data, options)
    outcome = one_shot_search("search", task, int(restart), split.seed, RunContext())
    genotype, metrics = final_genotype(outcome)
    ((encoder, function),) = genotype.choices[DECISION]
    valid = metrics[task.monitor.name]
    return encoder, function, f"{valid:.5f}", _seconds_since(start)


def _seconds_since(start: float) -> str:
    return f"{time.process_time() - start:.2f}"


def read(path: Path, columns: tuple[Row, Row]) -> dict[Row, Row]:
    """Read a table: the values of each row by its key."""
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        lines = list(csv.reader(file))[1:]
    width = len(columns[0])
    return {tuple(line[:width]): tuple(line[width:]) for line in lines}


def write(path: Path, columns: tuple[Row, Row], table: dict[Row, Row]) -> None:
    """Write a table, sorted by its keys."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*columns[0], *columns[1]))
    writer.writerows((*key, *values) for key, values in sorted(table.items()))
    write_text(path, text.getvalue())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--data", nargs="+", default=list(DATA), choices=list(DATA))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--trainings", nargs="+", default=["map", "posterior"])
    parser.add_argument("--strategies", nargs="+", help="search by these, in place of training")
    parser.add_argument("--jobs", type=int, default=2, help="processes, of one thread each")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    columns = SEARCHES if arguments.strategies else MEMBERS
    for seed, name in product(arguments.seeds, arguments.data):
        split, table = load(name, seed), read(arguments.output, columns)
        if arguments.strategies:
            restarts = map(str, range(split.task.options.restarts))
            rows, job = list(product(arguments.strategies, restarts)), search
        else:
            rows, job = [m for m in members(split) if m[2] in arguments.trainings], measure
        missing = [row for row in rows if (name, str(seed), *row) not in table]
        with open_executor(f"processes:{arguments.jobs}", split) as executor:
            for row in missing:
                executor.submit(row, job, *row)
            for row, result in executor.results():
                table[name, str(seed), *row] = result.value()
                write(arguments.output, columns, table)
        print(f"{name}, seed {seed}: {len(missing)} rows", flush=True)


if __name__ == "__main__":
    main()
