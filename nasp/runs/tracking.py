"""MLflow tracking that never fails a run and hardly slows it.

Importing MLflow and opening a store takes seconds of Python, which would stop a training loop of
small tensor operations for as long. So a child process does it (`nasp.runs.tracking_worker`), and
this side only writes JSON lines to it.
"""

import contextlib
import json
import os
import shlex
import subprocess
import sys
import time
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from nasp.errors import without_password
from nasp.metric import Metric

SECONDS_TO_FINISH = 60.0


def tracking_uri(option: str | None) -> str:
    """The store: `--tracking`, else MLFLOW_TRACKING_URI, else a SQLite file in this folder."""
    return option or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"


@dataclass(frozen=True)
class DataSet:
    """What a run's page says of its data.

    Attributes:
        name: The data set's.
        sha256: Of what was read.
        rows: How many examples there are, where that is known.
    """

    name: str
    sha256: str
    rows: int | None


def how_to_serve(uri: str, run_file: Path) -> str:
    """The line that serves a run's model, from any shell: MLflow looks for its server in PATH."""
    run = run_file.read_text(encoding="utf-8").strip() if run_file.exists() else "RUN_ID"
    serve = f"mlflow models serve -m runs:/{run}/model --env-manager local"
    place = f"MLFLOW_TRACKING_URI={shlex.quote(without_password(uri))}"
    return f"serve it: PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH {place} {serve}"


class Tracker:
    """One MLflow run, as a context manager.

    Nothing that goes wrong with the store reaches the caller: a line on standard error says so.

    Args:
        uri: MLflow's address; `none` tracks nothing.
        experiment: Name of the experiment.
        run_name: Name of the run.
        params: What the run was called with; few, so that tables stay readable.
        tags: What describes it.
        run_file: Where the run's id is kept: a resumed run goes on as the same one.
        best: Metrics whose best value is logged beside them, as `best/<name>`.
        data: The data set that it is of; None names none.
        before: Seconds since its work began, reading the data for example.
    """

    def __init__(
        self,
        uri: str,
        *,
        experiment: str,
        run_name: str,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
        run_file: Path,
        best: Collection[Metric] = (),
        data: DataSet | None = None,
        before: float = 0.0,
    ) -> None:
        self._worker: subprocess.Popen[str] | None = None
        self._uri = uri
        self._before = before
        self._told: set[Any] = set()
        self.has_model = False
        self._start = {
            "uri": uri,
            "experiment": experiment,
            "run_name": run_name,
            "params": {key: str(value) for key, value in params.items()},
            "tags": dict(tags),
            "run_file": str(run_file.absolute()),
            "best": {metric.name: metric.larger_is_better for metric in best},
            "data": None if data is None else asdict(data),
            "source": ".".join(Path(sys.argv[0]).with_suffix("").parts[-2:]),
            "command": without_password(shlex.join(sys.argv[1:])),
        }

    def __enter__(self) -> Self:
        if self._uri != "none":
            try:
                self._worker = subprocess.Popen(
                    [sys.executable, "-m", "nasp.runs.tracking_worker"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    text=True,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                    start_new_session=True,  # an interrupt is for the run, which tells the worker
                )
            except OSError as error:
                warnings.warn(f"tracking cannot start: {error}", stacklevel=2)
            self._send("start", **self._start, time=int(1000 * (time.time() - self._before)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        interrupted = kind is not None and issubclass(kind, KeyboardInterrupt)
        status = "FINISHED" if kind is None else "KILLED" if interrupted else "FAILED"
        self._send("end", status=status)
        if self._worker is None:
            return
        try:
            self._worker.wait(SECONDS_TO_FINISH)
        except subprocess.TimeoutExpired:
            self._worker.kill()
            self._worker.wait()
            warnings.warn(
                f"{without_password(self._uri)} does not answer: tracking is incomplete",
                stacklevel=2,
            )
        self._stop()

    def log(self, metrics: Mapping[str, float], step: int, part: str | None = None) -> None:
        """Log metrics of a step; returns at once. Values that are not finite are left out.

        What was logged for a step before is not logged again, so that a resumed run may tell its
        whole history.

        Args:
            metrics: Values by name.
            step: The epoch, from 0.
            part: The nested run that they are of, made with its first metrics; None: this one.
        """
        if (told := (part, step, tuple(metrics))) in self._told:
            return
        self._told.add(told)
        values = {name: float(value) for name, value in metrics.items()}
        self._send("log", metrics=values, step=step, time=int(time.time() * 1000), part=part)

    def describe(self, params: Mapping[str, Any], note: str) -> None:
        """Add what is known at the end: parameters, and a note in Markdown for the run's page."""
        values = {key: str(value) for key, value in params.items()}
        self._send("describe", params=values, note=without_password(note))

    def child(
        self,
        name: str,
        *,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
        metrics: Mapping[str, float],
        curves: Mapping[str, Sequence[float]],
        seconds: float = 0.0,
    ) -> None:
        """Record a finished run nested in this one; one of this name that is there stays.

        Args:
            name: Of the nested run, unique in this one.
            params: What it was called with.
            tags: What describes it.
            metrics: Its results.
            curves: Values by step of its further metrics.
            seconds: How long it took.
        """
        self._send(
            "child",
            run_name=name,
            params={key: str(value) for key, value in params.items()},
            tags=dict(tags),
            metrics=dict(metrics),
            curves={key: list(values) for key, values in curves.items()},
            seconds=seconds,
            time=int(time.time() * 1000),
        )

    def artifact(self, path: Path) -> None:
        """Store a file with the run."""
        self._send("artifact", path=str(path.absolute()))

    def model(
        self,
        code: Path,
        artifacts: Mapping[str, Path],
        columns: Sequence[str],
        outputs: np.ndarray,
        step: int,
    ) -> None:
        """Store a pyfunc model, defined by a file of code, so that nothing is pickled.

        Args:
            code: A file that calls `mlflow.models.set_model`.
            artifacts: Files that the model reads.
            columns: Those of the tables that the model takes.
            outputs: What it predicts, for example: for the signature.
            step: Whose metrics, logged before, are the model's.
        """
        self.has_model = self._worker is not None
        self._send(
            "model",
            code=str(code.absolute()),
            artifacts={name: str(path.absolute()) for name, path in artifacts.items()},
            columns=list(columns),
            outputs=outputs.tolist(),
            step=step,
        )

    def _send(self, what: str, **content: Any) -> None:
        if self._worker is None or self._worker.stdin is None:
            return
        try:
            self._worker.stdin.write(json.dumps({"do": what, **content}, default=str) + "\n")
            self._worker.stdin.flush()
        except OSError:
            warnings.warn(f"tracking in {without_password(self._uri)} has stopped", stacklevel=3)
            self._stop()

    def _stop(self) -> None:
        """Let go of the worker, which has ended."""
        if self._worker is not None and self._worker.stdin is not None:
            with contextlib.suppress(OSError):  # what a dead worker has not read
                self._worker.stdin.close()
            self._worker.wait()
        self._worker = None
