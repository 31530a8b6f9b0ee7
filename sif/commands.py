"""The commands for interaction functions, given their options."""

import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from nasp.atomic_io import write_atomic
from nasp.core.genotype import Genotype
from nasp.data.fetch import say_on_stderr
from nasp.errors import NaspError
from nasp.experiment.experiment import Experiment
from nasp.metric import Metrics
from nasp.runs.progress import Progress
from nasp.runs.tracking import DataSet
from nasp.training.device import resolve_device
from sif.config import EvalConfig, RecommendConfig, SearchConfig, TrainConfig, say_nothing
from sif.data import Splits
from sif.data.card import find_rating_card
from sif.data.search_data import SearchData
from sif.recommender import InteractionModel
from sif.report import RatingReport
from sif.tasks import RatingTask

# Elements of a batch up to which a second thread does not help, and slows down a shared machine.
SMALL = 1 << 13
MANY_USERS = 200  # smallest number of users with a progress bar


def search(config: SearchConfig, began: float) -> None:
    """Search and report; `began` is the value of `time.perf_counter` when the command began.

    Raises:
        NaspError: A mistake in the options or the data.
    """
    experiment, splits = _opened(config.resolved(), began)
    experiment.search(lambda task, found: RatingReport(task, found, splits))


def train(config: TrainConfig, began: float) -> None:
    """Train a genotype alone and report; see `search`.

    Raises:
        NaspError: A mistake in the options, the genotype or the data.
    """
    genotype = Genotype.load(config.genotype)
    experiment, splits = _opened(config.resolved(), began, config.epochs)
    experiment.train(
        config.genotype.stem,
        config.genotype.name,
        genotype,
        lambda task, found: RatingReport(task, found, splits),
    )


def evaluate(config: EvalConfig) -> Metrics:
    """Evaluate a model on ratings that it was not trained on.

    Raises:
        NaspError: The model is damaged, or the data are missing, damaged or have other columns.
    """
    if not config.data:
        raise NaspError("data is missing: give ratings to evaluate on, --data test.csv for example")
    model = InteractionModel.load(config.model_file, resolve_device(config.device))
    transform = config.rating_transform or model.scale.transform
    options = replace(config, rating_transform=transform)
    ratings = options.read(config.data, like=config.data, say=say_on_stderr)
    return {f"test/{name}": value for name, value in model.evaluate(ratings).items()}


def recommend(config: RecommendConfig) -> None:
    """Recommend items to users, and write or print them.

    Raises:
        NaspError: The model is damaged, or has no such user.
    """
    model = InteractionModel.load(config.model_file, resolve_device(config.device))
    users = list(model.encoder.ids[0]) if config.users == ("all",) else config.users
    tables = []
    with Progress(quiet=len(users) < MANY_USERS).phase("users", total=len(users)) as phase:
        for user in users:
            found = model.recommend(
                user, config.n, context=config.context, exclude_seen=config.exclude_seen
            )
            found.insert(0, model.encoder.columns[0], user)
            found.insert(1, "rank", range(1, len(found) + 1))
            tables.append(found)
            phase.advance({})
    table = pd.concat(tables, ignore_index=True)
    if config.output is None:
        print(table.to_string(index=False))
        return
    parquet = config.output.suffix == ".parquet"
    write = table.to_parquet if parquet else table.to_csv
    write_atomic(config.output, lambda file: write(file, index=False))
    print(f"{config.output}: {len(table):,} items for {len(users):,} users")


def _opened(
    config: SearchConfig | TrainConfig, began: float, epochs: int | None = None
) -> tuple[Experiment[RatingTask], Splits]:
    """Read, check, split and encode the ratings."""
    device = resolve_device(config.device)
    if config.batch_size * config.embedding_dim <= SMALL:
        torch.set_num_threads(1)
    start = time.perf_counter()
    say = say_nothing if config.quiet else say_on_stderr
    splits = config.task_data(config.seed, say).rating_splits()
    read = time.perf_counter()
    data = SearchData.from_splits(splits.train, splits.valid, device)
    splits.train.release_memory()  # the splits are parts of one table, which is rarely used
    seconds = {"read": read - start, "prepare": time.perf_counter() - read}
    rows = len(splits.train) + len(splits.valid) + len(splits.test)
    name = _name(config.data, config.data_dir)
    task = RatingTask(data, config, epochs)
    described = DataSet(name, splits.sha256(), rows)
    return Experiment(task, "rating", "sif", config, described, began, seconds), splits


def _name(data: str, data_dir: Path | None) -> str:
    """Return the name of a data set, given its name, alias or path."""
    card = find_rating_card(data, data_dir)
    return Path(data).stem if card is None else card.name
