"""Comparisons of methods over several seeds, with tables, plots and an MLflow run."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from rich.console import Console

from nasp.atomic_io import write_text
from nasp.cli.config import to_yaml
from nasp.errors import one_line
from nasp.experiment.compare_options import CompareOptions
from nasp.experiment.comparison_table import Row, completed, mean
from nasp.experiment.measurement import Measurement
from nasp.experiment.run_folder import CONFIG, claim_output
from nasp.experiment.run_record import RUN_FILE
from nasp.metric import Metric
from nasp.runs.environment import describe
from nasp.runs.progress import Progress
from nasp.runs.tracking import Tracker, tracking_uri
from nasp.search.executors import open_executor
from nasp.training.device import resolve_device

TABLE = "table.md"


class Comparison(ABC):
    """The comparison of a task's methods. It can be pickled, for other processes.

    Args:
        config: All options, including `CompareOptions`.

    Attributes:
        title: Title of the task for people: `image classification`.
        space: Name of the task's space, and first part of the name of MLflow's experiment.
        metric: The test metric that tables are sorted by.
    """

    title: ClassVar[str]
    space: ClassVar[str]
    metric: ClassVar[Metric]

    def __init__(self, config: Any) -> None:
        self.config = config

    @property
    def params(self) -> Mapping[str, Any]:
        """Further parameters of each measurement in MLflow."""
        return {}

    @abstractmethod
    def jobs(self) -> list[list[Measurement]]:
        """Plan the measurements of each job, in order.

        Raises:
            NaspError: The data are missing or damaged, or a method does not fit them.
        """

    @abstractmethod
    def measure(self, measurement: Measurement, folder: Path) -> Measurement:
        """Measure one method with one seed.

        Args:
            measurement: The planned measurement.
            folder: Folder of the comparison.

        Raises:
            NaspError: The measurement failed, for example because the training diverged. The
                comparison continues without it.
        """

    @abstractmethod
    def document(self, rows: Sequence[Row], place: Mapping[str, Any]) -> Iterator[str]:
        """Yield the lines of the tables, in Markdown.

        Args:
            rows: The measurements.
            place: Device, versions and commit.
        """

    @abstractmethod
    def draw(self, rows: Sequence[Row], path: Path) -> None:
        """Plot the measurements of one data set."""


def run_comparison(comparison: Comparison) -> None:
    """Make all measurements that have no file yet, and report.

    Raises:
        NaspError: The options or the data are wrong, or the folder holds other measurements.
    """
    config: CompareOptions = comparison.config
    # Planned first, so that mistakes in the data end the command before it writes files.
    jobs = comparison.jobs()
    with claim_output(config, f"{comparison.space}-compare") as folder:
        known = {one.name for job in jobs for one in job if one.read(folder)}
        write_text(folder / CONFIG, to_yaml(config))
        place = describe(resolve_device(config.device))
        with Tracker(
            tracking_uri(config.tracking),
            experiment=f"{comparison.space}/compare",
            run_name=folder.name,
            params={
                **{"task": comparison.title, "data": ", ".join(config.data)},
                **{"methods": ", ".join(config.methods) or "all", "seeds": config.seeds},
                **comparison.params,
            },
            tags={
                **{"space": comparison.space, "commit": str(place["commit"])},
                "device": place["device"],
            },
            run_file=folder / RUN_FILE,
        ) as tracker:
            total, done = sum(map(len, jobs)), dict[str, Measurement]()
            with Progress(config.quiet).phase(
                "measurements", total=total, start=len(known)
            ) as phase:
                for one in _measured(jobs, comparison, folder):
                    done[one.name] = one
                    if one.name not in known:  # otherwise it would count for the time left
                        name = comparison.metric.on("test").name
                        phase.advance({k: v for k, v in one.metrics.items() if k == name})
                    _track(one, comparison, tracker)
            rows = dict[tuple[str, str], Row]()
            for one in (done[one.name] for job in jobs for one in job):
                rows.setdefault((one.label, one.row), []).append(one)
            files = _write(comparison, list(rows.values()), place, folder)
            tracker.log(_means(comparison, list(rows.values())), 0)
            text = files[0].read_text(encoding="utf-8")
            tracker.describe({}, text)
            for file in [folder / CONFIG, *files]:
                tracker.artifact(file)
        if not config.quiet:
            console = Console(markup=False)
            console.print(text, soft_wrap=True)
            console.print(f"in {folder}: " + ", ".join(file.name for file in files), soft_wrap=True)


def _measured(
    jobs: Sequence[list[Measurement]], comparison: Comparison, folder: Path
) -> Iterator[Measurement]:
    """Yield the measurements of each job that ends.

    Measurements of a job whose process was killed in every attempt are failed. They get no file,
    so a resumed comparison makes them again.
    """
    gpus = 1 if resolve_device(comparison.config.device).type == "cuda" else 0
    # An absolute path, because a Ray worker may have another current folder.
    shared = (comparison, folder.resolve())
    with open_executor(comparison.config.executor, shared, gpus) as executor:
        for job in jobs:
            executor.submit(job, measure_job, job)
        for job, result in executor.results():
            if result.killed:
                reason = str(result.error)
                yield from (one.read(folder) or replace(one, failed=reason) for one in job)
            else:
                yield from result.value()


def measure_job(shared: tuple[Comparison, Path], job: list[Measurement]) -> list[Measurement]:
    """Make the measurements that have no file yet, and read the others."""
    torch.set_num_threads(1)  # so that times are those of one thread on every executor
    comparison, folder = shared
    commit = str(describe(torch.device("cpu"))["commit"] or "")
    measured = []
    for one in job:
        done = one.read(folder)
        if done is None:
            try:
                done = comparison.measure(replace(one, commit=commit), folder)
            except Exception as error:
                line = one_line(error)
                if line is None:  # a bug
                    raise
                done = replace(one, failed=line, commit=commit)
            done.write(folder)
        measured.append(done)
    return measured


def _track(one: Measurement, comparison: Comparison, tracker: Tracker) -> None:
    tracker.child(
        one.name,
        params={
            **{"task": comparison.title, "data": one.label, "method": one.method},
            **{"found": one.found or one.method, "seed": one.seed},
            **comparison.params,
            **one.settings,
            **one.tuned,
        },
        tags={"failed": one.failed},
        metrics={**one.metrics, **{f"time/{part}_s": s for part, s in one.seconds.items()}},
        curves={
            f"best/{comparison.metric.on('valid').name}": [value for _, value in one.curve],
        },
        seconds=sum(one.seconds.values()),
    )


def _write(
    comparison: Comparison, rows: Sequence[Row], place: Mapping[str, Any], folder: Path
) -> list[Path]:
    """Write the tables and a plot for each data set, and return the files."""
    files = [folder / TABLE]
    write_text(files[0], "\n".join(comparison.document(rows, place)) + "\n")
    for label in dict.fromkeys(row[0].label for row in rows):
        files.append(folder / f"{label.replace('/', '-')}.png")
        comparison.draw([row for row in rows if row[0].label == label], files[-1])
    return files


def _means(comparison: Comparison, rows: Sequence[Row]) -> dict[str, float]:
    """Return the mean test metric of each row, by a name that MLflow accepts."""
    name, means = comparison.metric.on("test").name, dict[str, float]()
    for row in rows:
        if completed(row):
            key = f"{name}/{row[0].label}/{row[0].row.replace('=', ' ')}"
            means[re.sub(r"[^\w./ -]", "-", key)] = mean(row, name)
    return means
