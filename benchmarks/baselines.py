"""Errors of the baselines on a table of ratings, and of another library's matrix factorisations.

All models use the same splits, optimiser, options and early stopping by validation. If the extra
`rivals` is installed, scikit-surprise's SVD and SVD++ are trained on the same splits, with our
penalty in their units and with their own. Validation selects their number of epochs. Errors are in
rating units. Seconds are processor time of one epoch.

    python benchmarks/baselines.py --data movielens --seeds 1 2 3
"""

import argparse
import statistics
import time

import torch
from surprise_rival import ALGORITHMS, train_library

from nasp.errors import NaspError
from nasp.runs.context import RunContext
from nasp.training.seeding import generator
from sif.baselines import baselines_of
from sif.baselines.fit import train_baseline
from sif.data import Splits, load_ratings, parse_columns, split_ratings
from sif.data.search_data import SearchData
from sif.evaluation.ratings import evaluate_predictions, predict
from sif.options import TrainOptions

EPOCHS = 100
LIBRARY_EPOCHS = (10, 20, 40, 80, 160)
Row = tuple[float, float, float]
"""Validation RMSE, test RMSE, seconds of an epoch."""


def ours(name: str, splits: Splits, options: TrainOptions, seed: int) -> Row:
    data = SearchData.from_splits(splits.train, splits.valid)
    test = data.encode(splits.test)
    start = time.process_time()
    model, outcome = train_baseline(
        name, data, options, epochs=EPOCHS, generator=generator(seed, name), run=RunContext()
    )
    history = outcome.history
    seconds = (time.process_time() - start) / len(history)
    tested = evaluate_predictions(predict(model.rate, test.rows), test, data.scale)["rmse"]
    return history[outcome.best_epoch]["valid/rmse"], tested, seconds


def theirs(name: str, splits: Splits, options: TrainOptions, seed: int, own: bool) -> Row:
    start = time.process_time()
    found = train_library(
        name,
        splits,
        None if own else options,
        dim=options.embedding_dim,
        epochs=LIBRARY_EPOCHS,
        seed=seed,
    )
    seconds = (time.process_time() - start) / sum(LIBRARY_EPOCHS)
    return found.valid_rmse, found.test_rmse, seconds


def trivial(splits: Splits) -> Row:
    data = SearchData.from_splits(splits.train, splits.valid)
    parts = (data.valid, data.encode(splits.test))
    valid, test = (
        evaluate_predictions(data.biases[p.rows].sum(0), p, data.scale)["rmse"] for p in parts
    )
    return valid, test, 0.0


def report(name: str, rows: list[Row]) -> None:
    valid, test, seconds = zip(*rows, strict=True)
    spread = f" ± {statistics.stdev(test):.4f}" if len(test) > 1 else ""
    print(
        f"| {name} | {statistics.mean(valid):.4f} | {statistics.mean(test):.4f}{spread} "
        f"| {statistics.median(seconds):.3f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="movielens", help="as for sif.search")
    parser.add_argument("--columns", help="as for sif.search")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--embedding_dim", type=int, default=8)
    parser.add_argument("--models", nargs="+", help="all that fit if left out")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    # The other library penalises an id once for each of its ratings.
    options = TrainOptions(
        embedding_dim=arguments.embedding_dim, penalty="squared", weight_decay=0.05
    )
    table = load_ratings(arguments.data, columns=parse_columns(arguments.columns))
    splits = {seed: split_ratings(table, seed=seed) for seed in arguments.seeds}
    among = len(table.columns)
    print("| model | validation RMSE | test RMSE | seconds |")
    print("|---|---|---|---|")
    report("biases, in closed form", [trivial(parts) for parts in splits.values()])
    for name in arguments.models or baselines_of(among):
        report(name, [ours(name, parts, options, seed) for seed, parts in splits.items()])
    if among > 2:
        return
    for name, algorithm in ALGORITHMS.items():
        for own in (False, True):
            title = f"scikit-surprise {algorithm}, {'its own' if own else 'our'} penalty"
            try:
                rows = [theirs(name, parts, options, seed, own) for seed, parts in splits.items()]
            except NaspError as error:
                print(f"{title}: skipped, {error}")
            else:
                report(title, rows)


if __name__ == "__main__":
    main()
