"""The commands for interaction functions, given their options."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from nasp.atomic_io import write_atomic
from nasp.core.lookup import name_of
from nasp.data.fetch import say_on_stderr
from nasp.errors import NaspError
from nasp.experiment.experiment import Experiment
from nasp.experiment.report import Report
from nasp.metric import Metrics
from nasp.runs.progress import Progress
from nasp.runs.tracking import DataSet
from nasp.search import SearchResult, Task
from nasp.training.device import resolve_device
from sif.config import (
    EvalConfig,
    ExportConfig,
    RecommendConfig,
    SearchConfig,
    SideOptions,
    TrainConfig,
    say_nothing,
)
from sif.data import TaskData, TaskName
from sif.data.card import find_rating_card
from sif.data.click_data import ClickData
from sif.data.ranking_data import RankingData
from sif.data.search_data import SearchData
from sif.data.side_table import read_side_table
from sif.data.task_data import as_clicks
from sif.models.click import ClickModel
from sif.models.cold import ROLES
from sif.models.export import embeddings_table
from sif.models.file import Model, load_model
from sif.models.ranking import RankingModel
from sif.models.rating import InteractionModel
from sif.reports.click import ClickReport
from sif.reports.ranking import RankingReport
from sif.reports.rating import RatingReport
from sif.tasks.click import ClickTask
from sif.tasks.ranking import RankingTask
from sif.tasks.rating import RatingTask
from sif.zoo import find_genotype

# Elements of a batch up to which a second thread does not help, and slows down a shared machine.
SMALL = 1 << 13
MANY_USERS = 200  # smallest number of users with a progress bar


def search(config: SearchConfig, began: float) -> None:
    """Search and report; `began` is the value of `time.perf_counter` when the command began.

    Raises:
        NaspError: A mistake in the options or the data.
    """
    experiment, report = _opened(config, began)
    experiment.search(report)


def train(config: TrainConfig, began: float) -> None:
    """Train a genotype alone and report; see `search`.

    Raises:
        NaspError: A mistake in the options, the genotype or the data.
    """
    genotype, name = find_genotype(config.genotype), name_of(config.genotype)
    experiment, report = _opened(config, began)
    experiment.train(name, name, genotype, report)


def evaluate(config: EvalConfig) -> Metrics:
    """Evaluate a model on ratings that it was not trained on.

    Raises:
        NaspError: The model is damaged, or the data are missing, damaged or have other columns.
    """
    if not config.data:
        raise NaspError("data is missing: give ratings to evaluate on, --data test.csv for example")
    model = _with_features(load_model(config.model_file, resolve_device(config.device)), config)
    pairs = isinstance(model, RankingModel)
    if isinstance(model, InteractionModel):
        transform = config.rating_transform or model.scale.transform
        config = replace(config, rating_transform=transform)
    table = config.read(config.data, like=config.data, pairs=pairs, say=say_on_stderr)
    if isinstance(model, ClickModel):
        (table,) = as_clicks([table])
    return {f"test/{name}": value for name, value in model.evaluate(table).items()}


def recommend(config: RecommendConfig) -> None:
    """Recommend items to users, and write or print them.

    Raises:
        NaspError: The model is damaged, or has no such user.
    """
    model = _with_features(load_model(config.model_file, resolve_device(config.device)), config)
    users = list(model.encoder.ids[0]) if config.users == ("all",) else config.users
    if isinstance(model, RankingModel):
        if config.context:
            raise NaspError("context is for models of ratings, and this one ranks: leave it out")
        _write(model.recommend(users, config.n, exclude_seen=config.exclude_seen), users, config)
        return
    tables, cold = [], set(map(str, model.cold[0]))
    with Progress(quiet=len(users) < MANY_USERS).phase("users", total=len(users)) as phase:
        for user in users:
            found = model.recommend(
                user, config.n, context=config.context, exclude_seen=config.exclude_seen
            )
            found.insert(0, model.encoder.columns[0], user)
            found.insert(1, "rank", range(1, len(found) + 1))
            if config.user_features is not None:
                found["cold"] = str(user) in cold
            tables.append(found)
            phase.advance({})
    _write(pd.concat(tables, ignore_index=True), users, config)


def _with_features(model: Model, config: SideOptions) -> Model:
    """Return a model that knows the users and items of the given side tables, too."""
    paths = zip(ROLES, (config.user_features, config.item_features), strict=True)
    tables = [None if path is None else read_side_table(path, role) for role, path in paths]
    if all(table is None for table in tables):
        return model
    if isinstance(model, RankingModel):
        raise NaspError("models of rankings use no features: leave out --user_features and so on")
    return model.with_features(*tables)


def _write(table: pd.DataFrame, users: Sequence[Any], config: RecommendConfig) -> None:
    """Write or print recommendations."""
    if config.output is None:
        print(table.to_string(index=False))
        return
    _write_table(table, config.output)
    print(f"{config.output}: {len(table):,} items for {len(users):,} users")


def _write_table(table: pd.DataFrame, path: Path) -> None:
    write = table.to_parquet if path.suffix == ".parquet" else table.to_csv
    write_atomic(path, lambda file: write(file, index=False))


def export(config: ExportConfig) -> None:
    """Write the embeddings of a model.

    Raises:
        NaspError: The model is damaged, or has no embeddings.
    """
    table = embeddings_table(load_model(config.model_file, resolve_device(config.device)))
    _write_table(table, config.output)
    counts = ", ".join(
        f"{n:,} of {name}" for name, n in table["entity"].value_counts(sort=False).items()
    )
    print(f"{config.output}: embeddings of {table.shape[1] - 2} numbers: {counts}")


@dataclass(frozen=True)
class Job:
    """What a search or a training works on.

    Attributes:
        task: The task, with training and validation data.
        report: Makes the report of a result; only it uses test data.
    """

    task: Task
    report: Callable[[Any, SearchResult], Report]


Config = SearchConfig | TrainConfig


def _rating(data: TaskData, config: Config, epochs: int | None, device: torch.device) -> Job:
    splits = data.splits
    encoded = SearchData.from_splits(splits.train, splits.valid, device, data.sides)
    task = RatingTask(encoded, config, epochs)
    return Job(task, lambda task, found: RatingReport(task, found, splits))


def _ranking(data: TaskData, config: Config, epochs: int | None, device: torch.device) -> Job:
    _check_no_samples(config)
    splits = data.splits
    encoded = RankingData.from_splits(splits.train, splits.valid, device, data.sides)
    task = RankingTask(encoded, config, epochs, data.negatives)
    return Job(task, lambda task, found: RankingReport(task, found, splits))


def _click(data: TaskData, config: Config, epochs: int | None, device: torch.device) -> Job:
    _check_no_samples(config)
    splits = data.splits
    encoded = ClickData.from_splits(splits.train, splits.valid, device, data.sides)
    task = ClickTask(encoded, config, epochs)
    return Job(task, lambda task, found: ClickReport(task, found, splits))


def _check_no_samples(config: Config) -> None:
    if config.sweeps and "sweeps" in config.given:
        raise NaspError("sweeps are for the task rating: leave them out")


JOBS: dict[TaskName, Callable[[TaskData, Config, int | None, torch.device], Job]] = {
    "rating": _rating,
    "ranking": _ranking,
    "click": _click,
}
"""Makes the job of each task from its data, the options, the epochs of a training, the device."""


def _opened(
    config: Config, began: float
) -> tuple[Experiment[Task], Callable[[Any, SearchResult], Report]]:
    """Read, check, split and encode the data."""
    device = resolve_device(config.device)
    start = time.perf_counter()
    say = say_nothing if config.quiet else say_on_stderr
    data = config.resolved().task_data(config.seed, say)
    config = config.for_task(data.task, len(data.splits.train), say).resolved()
    if config.batch_size * config.embedding_dim <= SMALL:
        torch.set_num_threads(1)
    read = time.perf_counter()
    epochs = config.epochs if isinstance(config, TrainConfig) else None
    job = JOBS[data.task](data, config, epochs, device)
    splits = data.splits
    splits.train.release_memory()  # the splits are parts of one table, which is rarely used
    seconds = {"read": read - start, "prepare": time.perf_counter() - read}
    rows = len(splits.train) + len(splits.valid) + len(splits.test)
    described = DataSet(_name(config.data, config.data_dir), data.sha256(), rows)
    experiment = Experiment(job.task, data.task, "sif", config, described, began, seconds)
    return experiment, job.report


def _name(data: str, data_dir: Path | None) -> str:
    """Return the name of a data set, given its name, alias or path."""
    card = find_rating_card(data, data_dir)
    return Path(data).stem if card is None else card.name
