"""What `sif.search` and `sif.train` share: a run's folder, its tracking and its report."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nasp.experiment.run_record import open_job
from nasp.runs.context import Run
from nasp.runs.tracking import Tracker
from nasp.training.device import resolve_device
from nasp.training.loop import spent
from sif import report
from sif.config import SearchConfig, TrainConfig, say_nothing
from sif.data import Splits, Table
from sif.data.card import find_card
from sif.data.encoded import Ratings
from sif.data.evaluation import errors
from sif.data.fetch import say_on_stderr
from sif.data.search_data import Data
from sif.data.split import average
from sif.pipeline import Found

Find = Callable[[Data, Run], Found]
# Elements of a batch up to which a second thread gains nothing, and loses much on a shared machine.
SMALL = 1 << 13
MAIN_PARAMS = ("split", "seed", "embedding_dim")  # shown even where they are the defaults


def run_job(
    config: SearchConfig | TrainConfig,
    strategy: str,
    find: Find,
    depends_on: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Load, find, judge on the test split, and write everything down.

    Args:
        config: All options.
        strategy: Its name for the records.
        find: Sees training and validation ratings, and returns what it found.
        depends_on: What else the result depends on, beside the options and the data.

    Returns:
        The content of `result.json`.

    Raises:
        NaspError: A mistake in the options or the data, before any long work.
    """
    start = time.perf_counter()
    config = config.resolved()
    device = resolve_device(config.device)
    if config.batch_size * config.embedding_dim <= SMALL:
        torch.set_num_threads(1)
    splits = config.splits(config.seed, say_nothing if config.quiet else say_on_stderr)
    read = time.perf_counter() - start
    with open_job(
        config,
        name=f"sif-{_name(config.data)}-{strategy}-seed{config.seed}",
        experiment=f"sif/{_name(config.data)}",
        run_name=f"{strategy} · {_name(config.data)} · dim {config.embedding_dim} · "
        f"seed {config.seed}",
        device=device,
        data_sha256=splits.sha256(),
        depends_on=depends_on,
        began=start,
        shown=MAIN_PARAMS,
        params={"task": "rating", "strategy": strategy, "data": _name(config.data)},
        rows=len(splits.train) + len(splits.valid) + len(splits.test),
        best=("valid/rmse",),
        tags={"strategy": strategy, "space": "sif"},
    ) as job:
        began = time.perf_counter()
        data = Data.of(splits.train, splits.valid, device)
        splits.train.rest()  # the three are parts of one table, which is not needed for long
        prepared = time.perf_counter() - began
        found = find(data, job.run)
        table, metrics = _judge(found, data, splits)
        found.model.add_rated(splits.test)
        found.model.save(job.folder / "model.pt")
        epochs = found.candidates[0].history
        for step, epoch in enumerate(epochs):
            job.tracker.log({k: v for k, v in epoch.items() if not k.startswith("time/")}, step)
        metrics["model/parameters"] = found.model.network.size()
        result = job.record(
            {
                "task": "sif",
                "data": config.data,
                "strategy": strategy,
                "seed": config.seed,
                "genotype": json.loads(found.model.genotype.to_json()),
            },
            metrics,
            {
                "read": read,
                "prepare": prepared,
                "search": spent(found.searches),
                "train": spent([candidate.history for candidate in found.candidates]),
            },
            len(epochs),
        )
        job.describe(found.candidates[0].operation, report.markdown(table, found))
        _track(found, job.tracker, splits.train, job.folder / "model.pt")
        for file in report.write(job.folder, found):
            job.tracker.artifact(file)
        if not config.quiet:
            report.show(table, found, result, job.folder)
    return result


def _judge(
    found: Found, data: Data, splits: Splits
) -> tuple[list[report.Judged], dict[str, float]]:
    """The found function beside the trivial models; the only place that sees test ratings."""
    scale, test = data.scale, data.judge(splits.test)
    models: dict[str, Callable[[Ratings], torch.Tensor]] = {
        "biases": lambda ratings: data.biases[ratings.rows].sum(0),
        "found": found.model.rate,
    }
    valid_rmse, test_rmse = (
        average([part], lambda ratings: np.square(ratings - scale.mean)) ** 0.5
        for part in (splits.valid, splits.test)
    )
    mae = average([splits.test], lambda ratings: np.abs(ratings - scale.mean))
    table = [report.Judged("global mean", valid_rmse, test_rmse, mae)]
    for name, rate in models.items():
        on_valid = errors(rate(data.valid), data.valid, scale)
        on_test = errors(rate(test), test, scale)
        table.append(report.Judged(name, on_valid["rmse"], on_test["rmse"], on_test["mae"]))
    trivial, bias, ours = table
    return table, {
        "valid/rmse": ours.valid_rmse,
        "test/rmse": ours.test_rmse,
        "test/mae": ours.test_mae,
        # As in the paper's tables: in units of the deviation of all ratings, test included.
        "test/rmse_standardized": ours.test_rmse / splits.deviation(),
        "test/rmse_global_mean": trivial.test_rmse,
        "test/rmse_biases": bias.test_rmse,
        "test/unseen_ratings": float(len(test.unseen)),
    }


def _track(found: Found, tracker: Tracker, train: Table, path: Path) -> None:
    first = next(train.blocks()).frame()
    inputs = first[list(found.model.encoder.columns)].head(5)
    tracker.model(
        code=Path(__file__).with_name("serving.py"),
        artifacts={"model": path},
        columns=found.model.encoder.columns,
        outputs=found.model.predict(inputs),
        step=len(found.candidates[0].history),
    )


def _name(data: str) -> str:
    """The data set's own name, whatever alias or path it was given by."""
    card = find_card(data)
    return Path(data).stem if card is None else card.name
