"""What `sif.search` and `sif.train` share: a run's folder, its tracking and its report."""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nasp.core.checkpoint import Checkpoint
from nasp.core.command import RunOptions, prepare_output
from nasp.core.config import differences, flatten, to_yaml
from nasp.core.environment import describe, peak_memory_mb, resolve_device
from nasp.core.files import write_text
from nasp.core.loop import Run
from nasp.core.progress import Progress
from nasp.core.tracking import Tracker, tracking_uri
from sif import report
from sif.config import SearchConfig, TrainConfig
from sif.data import Splits, Table
from sif.data.card import all_cards
from sif.data.split import average
from sif.metrics import errors
from sif.pipeline import Found
from sif.prepared import Ratings
from sif.visible import Data

Find = Callable[[Data, Run], Found]
ELSEWHERE = {f for f in RunOptions.__dataclass_fields__ if f != "seed"} | {"data_dir"}
# Elements of a batch up to which a second thread gains nothing, and loses much on a shared machine.
SMALL = 1 << 13
MAIN_PARAMS = ("data", "seed", "embedding_dim")  # shown even where they are the defaults


def run_job(config: SearchConfig | TrainConfig, strategy: str, find: Find) -> dict[str, Any]:
    """Load, find, judge on the test split, and write everything down.

    Args:
        config: All options.
        strategy: Its name for the records.
        find: Sees training and validation ratings, and returns what it found.

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
    splits = config.splits(config.seed)
    read = time.perf_counter() - start
    folder = prepare_output(config, f"sif-{_name(config.data)}-{strategy}-seed{config.seed}")
    digest = _digest(splits)
    identity = {k: v for k, v in flatten(config).items() if k not in ELSEWHERE}
    checkpoint = Checkpoint(
        folder / "checkpoint.pt", {**identity, "ratings": digest}, resume=config.resume
    )
    write_text(folder / "config.yaml", to_yaml(config))
    environment = describe(device)
    began = time.perf_counter()
    data = Data.of(splits.train, splits.valid, device)
    splits.train.rest()  # the three are parts of one table, which is not needed for long
    prepared = time.perf_counter() - began
    params = {k: v for k, v in flatten(config).items() if k in MAIN_PARAMS}
    params |= {k: v for k, v in differences(config).items() if k not in ELSEWHERE}
    with Tracker(
        tracking_uri(config.tracking),
        experiment=f"sif/{_name(config.data)}",
        run_name=f"{strategy} seed={config.seed}",
        params=params,
        tags={
            "strategy": strategy,
            "space": "sif",
            "data_sha256": digest,
            "commit": str(environment["commit"]),
            "device": environment["device"],
            **{f"version.{k}": v for k, v in environment["versions"].items()},
        },
        best=("valid/rmse", "search/valid/rmse"),
        run_file=folder / "mlflow_run_id",
    ) as tracker:
        run = Run(checkpoint, Progress(config.quiet), tracker.log)
        began = time.perf_counter()
        found = find(data, run)
        seconds = time.perf_counter() - began
        found.model.save(folder / "model.pt")
        _track(found, tracker, splits.valid, folder / "model.pt")
        table, metrics = _judge(found, data, splits)
        search_seconds = sum(history[-1]["time/seconds"] for history in found.searches)
        metrics["model/parameters"] = found.model.network.size()
        result = {
            "task": "sif",
            "data": config.data,
            "strategy": strategy,
            "seed": config.seed,
            "genotype": json.loads(found.model.genotype.to_json()),
            "metrics": metrics,
            "seconds": {
                "read": read,
                "prepare": prepared,
                "search": search_seconds,
                "train": seconds - search_seconds,
                "total": time.perf_counter() - start,
            },
            "peak_memory_mb": peak_memory_mb(),
            **environment,
        }
        files = report.write(folder, found, result)
        at_the_end = {k: v for k, v in metrics.items() if not k.startswith("valid/")}
        tracker.log({**at_the_end, "time/search_s": search_seconds}, 0)
        for file in [folder / "config.yaml", *files]:
            tracker.artifact(file)
        if not config.quiet:
            report.show(table, found, result, folder)
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


def _track(found: Found, tracker: Tracker, valid: Table, path: Path) -> None:
    for step, metrics in enumerate(found.candidates[0].history):
        tracker.log({k: v for k, v in metrics.items() if not k.startswith("time/")}, step)
    first = next(valid.blocks()).frame()
    inputs = first[list(found.model.encoder.columns)].head(5)
    tracker.model(
        code=Path(__file__).with_name("serving.py"),
        artifacts={"model": path},
        inputs=inputs,
        outputs=found.model.predict(inputs),
    )


def _name(data: str) -> str:
    """The data set's own name, whatever alias or path it was given by."""
    cards = all_cards()
    return cards[data].name if data in cards else Path(data).stem


def _digest(splits: Splits) -> str:
    """SHA-256 of the ratings as they were split."""
    digest = hashlib.sha256()
    for table in (splits.train, splits.valid, splits.test):
        digest.update(repr((table.columns, [ids.to_list() for ids in table.ids])).encode())
        for block in table.blocks():
            for entity in range(len(table.columns)):
                digest.update(block.code(entity).tobytes())
            digest.update(block.ratings.tobytes())
    return digest.hexdigest()
