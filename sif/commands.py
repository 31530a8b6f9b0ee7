"""What `sif.search` and `sif.train` do once their options are read."""

import time
from pathlib import Path

import torch

from nasp.core.genotype import Genotype
from nasp.data.fetch import say_on_stderr
from nasp.experiment.experiment import Experiment
from nasp.runs.tracking import DataSet
from nasp.training.device import resolve_device
from sif.config import SearchConfig, TrainConfig, say_nothing
from sif.data import Splits
from sif.data.card import find_rating_card
from sif.data.search_data import SearchData
from sif.report import RatingReport
from sif.tasks import RatingTask

# Elements of a batch up to which a second thread gains nothing, and loses much on a shared machine.
SMALL = 1 << 13


def search(config: SearchConfig, began: float) -> None:
    """Search and report; `began` is the moment of `time.perf_counter` at which the command began.

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


def _opened(
    config: SearchConfig | TrainConfig, began: float, epochs: int | None = None
) -> tuple[Experiment[RatingTask], Splits]:
    """Read, check, split and encode the ratings."""
    device = resolve_device(config.device)
    if config.batch_size * config.embedding_dim <= SMALL:
        torch.set_num_threads(1)
    start = time.perf_counter()
    splits = config.splits(config.seed, say_nothing if config.quiet else say_on_stderr)
    read = time.perf_counter()
    data = SearchData.from_splits(splits.train, splits.valid, device)
    splits.train.release_memory()  # the three are parts of one table, which is not needed for long
    seconds = {"read": read - start, "prepare": time.perf_counter() - read}
    rows = len(splits.train) + len(splits.valid) + len(splits.test)
    name = _name(config.data, config.data_dir)
    task = RatingTask(data, config, epochs)
    described = DataSet(name, splits.sha256(), rows)
    return Experiment(task, "rating", "sif", config, described, began, seconds), splits


def _name(data: str, data_dir: Path | None) -> str:
    """The data set's own name, whatever alias or path it was given by."""
    card = find_rating_card(data, data_dir)
    return Path(data).stem if card is None else card.name
