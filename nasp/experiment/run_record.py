"""The record of a command's run: folder, checkpoint, tracking and result.json."""

import json
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from nasp.atomic_io import write_text
from nasp.cli.config import differences, flatten, to_yaml
from nasp.errors import NaspError
from nasp.experiment.run_folder import CONFIG, RunOptions, claim_output
from nasp.metric import Metric
from nasp.plugins import VARIABLE, plugin_names
from nasp.runs.checkpoint import Checkpoint
from nasp.runs.context import RunContext
from nasp.runs.environment import describe, peak_device_memory_mb, peak_memory_mb
from nasp.runs.process import processes, rank
from nasp.runs.progress import Progress
from nasp.runs.tracking import DataSet, Tracker, how_to_serve, tracking_uri
from nasp.runs.trial_store import TrialStore
from nasp.training.loop import seconds_before
from nasp.training.parallel import fail_together

# Options that results do not depend on: a run may be resumed with other values of these.
ELSEWHERE = {f for f in RunOptions.__dataclass_fields__ if f != "seed"} | {"data_dir", "workers"}


RUN_FILE = "mlflow_run_id"


@dataclass(frozen=True)
class RunRecord:
    """An open run of a command.

    Attributes:
        folder: The run's folder.
        context: The context of its phases.
        tracker: Its MLflow run.
        device: Device of the computation.
        environment: The device's name, versions and commit.
        began: Moment of `time.perf_counter` at which the command began.
        before: Seconds of work that earlier starts of a resumed run have done.
    """

    folder: Path
    context: RunContext
    tracker: Tracker
    device: torch.device
    environment: dict[str, Any]
    began: float
    before: float

    def record(
        self,
        result: Mapping[str, Any],
        metrics: Mapping[str, float],
        seconds: Mapping[str, float],
        step: int,
    ) -> dict[str, Any]:
        """Write `result.json` and log the metrics.

        Args:
            result: Further content of the file.
            metrics: The metrics, by tracking name.
            seconds: Wall time of the parts, summed over restarts of the run; the total is added.
            step: The step after all epochs, at which the metrics are logged.

        Returns:
            The file's content.
        """
        content = {
            **result,
            "prolonged_from": self.context.checkpoint.prolonged_from,
            "metrics": dict(metrics),
            "failed": dict(self.context.failed),
            "seconds": {**seconds, "total": self.before + time.perf_counter() - self.began},
            "peak_memory_mb": peak_memory_mb(),
            "peak_device_memory_mb": peak_device_memory_mb(self.device),
            **self.environment,
        }
        if rank() == 0:
            write_text(self.folder / "result.json", json.dumps(content, indent=1) + "\n")
        times = {f"time/{k}_s": v for k, v in content["seconds"].items()}
        self.tracker.log({**metrics, **times}, step)
        return content

    def describe(self, found: str, table: str) -> None:
        """Write the result and the report's table, in Markdown, to the run's page in MLflow."""
        self.tracker.describe({"found": found}, f"**{found}**\n\n{table}")


@contextmanager
def open_run_record(
    config: RunOptions,
    *,
    name: str,
    experiment: str,
    run_name: str,
    device: torch.device,
    data: DataSet,
    depends_on: Mapping[str, str] | None = None,
    epochs: int | None = None,
    began: float,
    shown: Collection[str] = (),
    params: Mapping[str, Any],
    best: Collection[Metric] = (),
    tags: Mapping[str, str],
) -> Iterator[RunRecord]:
    """Make the run's folder, read its checkpoint and start tracking.

    If several processes share a run, only the first one writes files and messages.

    Args:
        config: All options of the command.
        name: First part of the name of a new folder.
        experiment: Name of MLflow's experiment.
        run_name: Name of MLflow's run.
        device: Device of the computation.
        data: The data set.
        depends_on: What the results depend on, apart from options and data.
        epochs: The option `epochs` of a run that can be resumed with more epochs, else None.
        began: See `RunRecord`.
        shown: Options that MLflow shows even if they have their default values.
        params: Further parameters for MLflow: task, strategy, data set and split.
        best: Metrics whose best value is tracked as well.
        tags: Further tags.

    Raises:
        NaspError: The folder cannot be written or holds another run, or the checkpoint is damaged,
            has another configuration or is of more epochs.
    """
    first = rank() == 0
    free = ELSEWHERE if epochs is None else ELSEWHERE | {"epochs"}
    options = {k: v for k, v in flatten(config).items() if k not in free}
    with ExitStack() as held:
        with fail_together(device):
            folder = config.output or Path()
            if first:
                folder = held.enter_context(claim_output(config, name))
            identity = {**options, "data_sha256": data.sha256, **(depends_on or {})}
            # Sums in another order have other last digits, which can change an architecture.
            identity |= {"threads": torch.get_num_threads(), "processes": processes()}
            if plugins := plugin_names():  # plugins may add candidates to the space
                identity[VARIABLE] = ",".join(plugins)
            checkpoint = Checkpoint(folder / "checkpoint", identity, config.resume, epochs)
            if first:
                write_text(folder / CONFIG, to_yaml(config))
        prolonged = bool(checkpoint.prolonged_from)  # MLflow does not allow `epochs` to change
        before = seconds_before(checkpoint)
        environment = describe(device)
        shown_there = {k: v for k, v in differences(config).items() if k not in ELSEWHERE}
        shown_there |= {k: v for k, v in flatten(config).items() if k in shown} | dict(params)
        with Tracker(
            tracking_uri(config.tracking) if first else "none",
            experiment=experiment,
            run_name=run_name,
            params=shown_there,
            tags={
                **tags,
                "data_sha256": data.sha256,
                "commit": str(environment["commit"]),
                "device": environment["device"],
                **{f"version.{k}": v for k, v in environment["versions"].items()},
                **({"prolonged_from": str(checkpoint.prolonged_from)} if prolonged else {}),
            },
            best=best,
            run_file=folder / RUN_FILE,
            data=data,
            before=time.perf_counter() - began,
        ) as tracker:
            progress = Progress(config.quiet or not first)
            run = RunContext(
                checkpoint,
                progress,
                tracker.log,
                lambda name: partial(tracker.log, part=name),
                TrialStore(folder / "trials" if first else None, identity, epochs),
            )
            try:
                yield RunRecord(folder, run, tracker, device, environment, began, before)
            except NaspError:
                if first and not (folder / "checkpoint").exists():
                    # Nothing was done, so a corrected command may use the folder.
                    (folder / CONFIG).unlink(missing_ok=True)
                raise
        if first and not config.quiet and tracker.has_model:
            print(how_to_serve(tracking_uri(config.tracking), folder / RUN_FILE))


def show_failed(console: Console, failed: Mapping[str, str]) -> None:
    """Print the trainings that diverged and were left out, with the reasons."""
    for name, reason in failed.items():
        console.print(f"left out: {name}: {reason}", soft_wrap=True)


def show_place(console: Console, result: Mapping[str, Any], folder: Path) -> None:
    """Print the time, the memory and the files of a run, given the content of `result.json`."""
    seconds, memory = result["seconds"], result["peak_memory_mb"]
    parts = ", ".join(f"{k} {v:.0f}" for k, v in seconds.items() if k != "total")
    console.print(
        f"{seconds['total']:.0f} s ({parts}), {memory:.0f} MB; in {folder}: "
        + ", ".join(sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))),
        soft_wrap=True,
    )
