"""What `python -m sif.compare` does once its options are read."""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from nasp.atomic_io import write_text
from nasp.cli.config import to_yaml
from nasp.data.fetch import say_on_stderr
from nasp.experiment.run_folder import CONFIG, claim_output
from nasp.runs.environment import describe
from nasp.runs.progress import Progress
from nasp.runs.tracking import Tracker, tracking_uri
from nasp.search.executors import open_executor
from sif.comparison import report
from sif.comparison.cells import Cell, measure, planned
from sif.comparison.config import CompareConfig
from sif.comparison.methods import methods_of
from sif.config import say_nothing


def compare(config: CompareConfig) -> None:
    """Measure all cells and report; raises `NaspError` on a user's mistake."""
    # What is wrong with the data is said before any work.
    say = say_nothing if config.quiet else say_on_stderr
    entities, digests = {}, {}
    for name in config.data:
        splits = config.load(name, config.seed, say)
        entities[name], digests[name] = len(splits.train.columns), splits.sha256()
    groups = planned(config, entities, digests)
    for name, count in entities.items():
        if left_out := [m for m in config.methods if m not in methods_of(count)]:
            warnings.warn(
                f"{name}: {', '.join(left_out)} left out, for it has {count} entities", stacklevel=2
            )
    with claim_output(config, "sif-compare") as folder:
        # Cells of other settings or data are refused before anything is written.
        known = {cell.name for group in groups for cell in group if cell.measured(folder)}
        write_text(folder / CONFIG, to_yaml(config))
        place = describe(torch.device("cpu"))
        with Tracker(
            tracking_uri(config.tracking),
            experiment="sif/compare",
            run_name=folder.name,
            params={
                **{"task": "rating", "data": ", ".join(config.data), "split": config.split},
                **{"methods": ", ".join(config.methods) or "all", "seeds": config.seeds},
                **{"embedding_dims": config.embedding_dims, "tuning_trials": config.tuning_trials},
            },
            tags={"space": "sif", "commit": str(place["commit"]), "device": place["device"]},
            run_file=folder / "mlflow_run_id",
        ) as tracker:
            total, cells = sum(map(len, groups)), dict[str, Cell]()
            with Progress(config.quiet).phase("cells", total=total, start=len(known)) as phase:
                for cell in _measured(groups, config, folder):
                    cells[cell.name] = cell
                    if cell.name not in known:  # else it would tell how long a cell takes
                        phase.advance({k: v for k, v in cell.metrics.items() if k == "test/rmse"})
                    _track(cell, tracker)
            done = [[cells[cell.name] for cell in group] for group in groups]
            files = report.write(folder, done, place, entities)
            tracker.log(report.metrics(done), 0)
            tracker.describe({}, files[0].read_text(encoding="utf-8"))
            for file in [folder / CONFIG, *files]:
                tracker.artifact(file)
        if not config.quiet:
            console = Console()
            console.print(files[0].read_text(encoding="utf-8"), soft_wrap=True, markup=False)
            console.print(f"in {folder}: " + ", ".join(file.name for file in files), soft_wrap=True)


def _measured(groups: list[list[Cell]], config: CompareConfig, folder: Path) -> Iterator[Cell]:
    """The cells as their groups are finished.

    Those of a group whose process was killed each time come back as failed. Nothing is written of
    them, so that a resumed comparison measures them again.
    """
    # Absolute: a worker of Ray's may be in another folder.
    with open_executor(config.executor, (config, folder.resolve())) as executor:
        for group in groups:
            executor.submit(group, measure, group)
        for group, result in executor.results():
            if result.killed:
                reason = str(result.error)
                yield from (c.measured(folder) or replace(c, failed=reason) for c in group)
            else:
                yield from result.value()


def _track(cell: Cell, tracker: Tracker) -> None:
    tracker.child(
        cell.name,
        params={
            "task": "rating",
            "data": cell.label,
            "split": cell.identity["split"],
            "method": cell.method,
            "found": cell.found or cell.method,
            "embedding_dim": cell.embedding_dim,
            "seed": cell.seed,
            **cell.tuned,
        },
        tags={"failed": cell.failed},
        metrics={
            **cell.metrics,
            "time/train_s": cell.seconds,
            "model/parameters": float(cell.parameters),
        },
        curves={"best/valid/rmse": [rmse for _, rmse in cell.curve]},
        seconds=cell.seconds,
    )
