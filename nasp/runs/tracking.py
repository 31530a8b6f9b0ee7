"""MLflow tracking in a child process, which cannot fail a run and hardly slows it.

Importing MLflow and opening a store take seconds of Python, which would stall a training loop. So
a child process does it (`nasp.runs.tracking_worker`), and this process only sends it JSON lines.
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
    """Return `--tracking`, else MLFLOW_TRACKING_URI, else a SQLite file in the current folder."""
    return option or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"


@dataclass(frozen=True)
class DataSet:
    """Description of a data set on a run's page.

    Attributes:
        name: Name of the data set.
        sha256: Digest of the data.
        rows: Number of examples, if it is known.
    """

    name: str
    sha256: str
    rows: int | None


def how_to_serve(uri: str, run_file: Path) -> str:
    """Return a shell line that serves a run's model, with the PATH that MLflow needs."""
    run = run_file.read_text(encoding="utf-8").strip() if run_file.exists() else "RUN_ID"
    serve = f"mlflow models serve -m runs:/{run}/model --env-manager local"
    place = f"MLFLOW_TRACKING_URI={shlex.quote(without_password(uri))}"
    return f"serve it: PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH {place} {serve}"


class Tracker:
    """One MLflow run, as a context manager.

    Errors of the store are reported in one line on standard error and never raised.

    Args:
        uri: MLflow's address; `none` tracks nothing.
        experiment: Name of the experiment.
        run_name: Name of the run.
        params: Parameters of the run; only a few, so that MLflow's tables stay readable.
        tags: Tags of the run.
        run_file: File that keeps the run's id, so that a resumed run continues the same MLflow run.
        best: Metrics whose best value is logged as well, as `best/<name>`.
        data: The data set; None logs none.
        before: Seconds that the run has already worked, for example to read the data.
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
                    start_new_session=True,  # Ctrl-C only reaches the run, which tells the worker
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
        """Log metrics of a step without waiting. Values that are not finite are left out.

        Metrics that were logged for the step before are ignored, so a resumed run can log its whole
        history.

        Args:
            metrics: Values by name.
            step: The epoch, from 0.
            part: Name of a nested run, which is made with its first metrics; None for this run.
        """
        if (told := (part, step, tuple(metrics))) in self._told:
            return
        self._told.add(told)
        values = {name: float(value) for name, value in metrics.items()}
        self._send("log", metrics=values, step=step, time=int(time.time() * 1000), part=part)

    def describe(self, params: Mapping[str, Any], note: str) -> None:
        """Add parameters, and a note in Markdown for the run's page."""
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
        """Record a finished run nested in this one, unless one of this name exists.

        Args:
            name: Name of the nested run, unique in this run.
            params: Parameters of the nested run.
            tags: Tags of the nested run.
            metrics: Results of the nested run.
            curves: Values of further metrics, by step.
            seconds: Duration of the nested run.
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
        """Store a pyfunc model that a file of code defines, so that nothing is pickled.

        Args:
            code: A file that calls `mlflow.models.set_model`.
            artifacts: Files that the model reads.
            columns: Columns of the model's input tables, with example values.
            outputs: Example of the model's predictions, for the signature.
            step: Step whose metrics, logged before, belong to the model.
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
        """Release the worker, which has ended."""
        if self._worker is not None and self._worker.stdin is not None:
            with contextlib.suppress(OSError):  # unread messages of a dead worker
                self._worker.stdin.close()
            self._worker.wait()
        self._worker = None
