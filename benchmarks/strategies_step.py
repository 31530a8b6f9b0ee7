"""Time and memory of a search iteration of every strategy, in every space.

An iteration is an architecture step and a weight step. All strategies use the same modules, batches
and threads, and alternate in one process. `one path` is a pass of NASP's network, forward and back,
with the weights' step; an iteration needs two passes at least. The peak memory of an iteration is
measured in a separate process, as the increase by it.

    OMP_NUM_THREADS=1 python benchmarks/strategies_step.py
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
import yaml
from cnn_step import held_mb, image_search
from search_steps import Steps
from timing import medians, seconds

from nasp.cnn.options import SearchOptions as CNNOptions
from nasp.rnn.data import Corpus, Vocabulary
from nasp.rnn.options import SearchOptions as RNNOptions
from nasp.rnn.tasks import TextTask
from nasp.search import Task
from nasp.strategies import ONE_SHOT
from sif.data import load_ratings, split_ratings
from sif.data.search_data import SearchData
from sif.options import SearchOptions as RatingOptions
from sif.tasks.rating import RatingTask

CPU = torch.device("cpu")
PROBES = {"name": "nasp", "probe_fraction": 0.25}
Made = tuple[Task, tuple[Any, Any]]


def images(space: str, strategy: Any, given: argparse.Namespace) -> Made:
    """Make a search for CNN cells, and a batch of random images of each kind."""
    return image_search(
        CNNOptions(
            space=space,
            strategy=strategy,
            batch_size=given.images,
            partial_channels=given.partial_channels,
        )
    )


def words(strategy: Any, given: argparse.Namespace) -> Made:
    """Make a search for recurrent cells, and a batch of random words of each kind."""
    random = torch.Generator().manual_seed(1)
    options = RNNOptions(strategy=strategy, emsize=given.units, nhid=given.units)
    length = options.batch_size * (options.bptt + 1)
    texts = [torch.randint(given.words, (length,), generator=random) for _ in range(3)]
    corpus = Corpus(Vocabulary(tuple(map(str, range(given.words)))), *texts, sha256="")
    task = TextTask(corpus, options, CPU)
    return task, next(iter(task.batch_pairs(random)))


def ratings(strategy: Any, given: argparse.Namespace) -> Made:
    """Make a search for an interaction function on MovieLens 100K, and a batch of each kind."""
    splits = split_ratings(load_ratings("movielens"), seed=1)
    task = RatingTask(
        SearchData.from_splits(splits.train, splits.valid), RatingOptions(strategy=strategy)
    )
    return task, next(iter(task.batch_pairs(torch.Generator().manual_seed(1))))


SPACES: Mapping[str, Callable[[Any, argparse.Namespace], Made]] = {
    "cnn, NASP's 12": partial(images, "nasp"),
    "cnn, DARTS's 7": partial(images, "darts"),
    "cnn, nasbench201": partial(images, "nasbench201"),
    "rnn": words,
    "sif, rating": ratings,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spaces", nargs="+", default=list(SPACES))
    every: list[Any] = [*ONE_SHOT, PROBES]
    parser.add_argument("--strategies", nargs="+", type=yaml.safe_load, default=every)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=16, help="of a batch")
    parser.add_argument("--partial_channels", type=int, default=1, help="of CNN cells")
    parser.add_argument("--units", type=int, default=300, help="of the recurrent cell")
    parser.add_argument("--words", type=int, default=2000)
    parser.add_argument("--memory_of", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.memory_of:
        space, strategy = given.memory_of
        task, batches = SPACES[space](yaml.safe_load(strategy), given)
        steps = Steps(task)
        before = held_mb()
        for _ in range(2):
            steps.iteration(*batches)
        print(held_mb() - before)
        return
    print(
        f"{torch.get_num_threads()} threads; median of {given.rounds} rounds; images "
        f"{given.images} a batch, {given.units} units, {given.words} words"
    )
    print("| space | strategy | architecture, s | weights, s | iteration, s | passes | peak MB |")
    print("|---|---|---|---|---|---|---|")
    for space in given.spaces:
        measure(space, given)


def measure(space: str, given: argparse.Namespace) -> None:
    """Print the rows of a space."""
    searches = {str(s): (s, *SPACES[space](s, given)) for s in given.strategies}
    path, batches = SPACES[space]("nasp", given)
    alone = Steps(path)

    def one_path() -> tuple[float, ...]:
        return (seconds(lambda: alone.weights(batches[0])),)

    methods = {
        name: partial(Steps(task).iteration, *pair) for name, (_, task, pair) in searches.items()
    }
    times = medians({"": one_path, **methods}, given.rounds)
    (least,) = times.pop("")
    print(f"| {space} | one path | | {least:.4f} | | 1.00 | |")
    for name, (architecture, weights, whole) in times.items():
        command = [sys.executable, *sys.argv, "--memory_of", space, str(searches[name][0])]
        done = subprocess.run(command, capture_output=True, check=True)
        print(
            f"| {space} | {name} | {architecture:.4f} | {weights:.4f} | {whole:.4f} "
            f"| {whole / least:.2f} | {float(done.stdout):.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
