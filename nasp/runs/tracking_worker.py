"""The child process of `nasp.runs.tracking`: reads JSON lines and calls MLflow."""

import contextlib
import getpass
import importlib
import json
import logging
import math
import os
import queue
import re
import sqlite3
import sys
import threading
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

from nasp.errors import without_password
from nasp.metric import Metric
from nasp.plugins import plugin_files, plugin_names

SECONDS_BETWEEN_FLUSHES = 2.0
METRICS_A_CALL = 1000  # MLflow's limit
SQLITE = "sqlite:///"
LONGEST_VALUE = 500  # characters of a parameter; newer versions of MLflow allow more


class Worker:
    """Processes the messages of one run, in order."""

    def __init__(self) -> None:
        self.pending: dict[str, list[tuple[str, float, int, int]]] = {}  # by run
        self.known: dict[tuple[str, str], dict[int, float]] = {}  # by run and metric
        self.resumed = False
        self.nested: dict[str, str] | None = None  # ids by name
        self.parts: dict[str, int] = {}  # times of the last metrics of nested runs, by their ids

    def start(self, message: dict[str, Any]) -> None:
        import mlflow

        mlflow.set_tracking_uri(message["uri"])
        run_file = Path(message["run_file"])
        self.best = {name: Metric(name, larger) for name, larger in message["best"].items()}
        with _alone(message["uri"]):
            self.mlflow, self.client = mlflow, mlflow.MlflowClient()
            earlier = self._earlier(run_file)
            self.resumed = earlier is not None
            self.experiment_id = self._experiment(message["uri"], message["experiment"])
            if earlier is None:
                run = self.client.create_run(
                    self.experiment_id, start_time=message["time"], run_name=message["run_name"]
                )
                earlier = run.info.run_id
            else:
                self.client.update_run(earlier, status="RUNNING")
        self.run_id: str = earlier
        run_file.write_text(self.run_id, encoding="utf-8")
        params = self._params(message["params"])
        if self.resumed:  # MLflow does not allow a parameter to change
            logged = self.client.get_run(self.run_id).data.params
            params = [param for param in params if param.key not in logged]
        described = {**message["tags"], "options": message["command"], "mlflow.user": _user()}
        described |= {"mlflow.source.type": "LOCAL", "mlflow.source.name": message["source"]}
        tags = [mlflow.entities.RunTag(key, value) for key, value in described.items()]
        self.client.log_batch(self.run_id, params=params, tags=tags)
        if message["data"] is not None and not self.resumed:
            self._input(**message["data"])
        # Imported now, while the run is busy. Otherwise the run would wait for it at its end.
        for name in ("mlflow.pyfunc", "pandas"):
            importlib.import_module(name)

    def log(self, message: dict[str, Any]) -> None:
        step, moment, run = message["step"], message["time"], self.run_id
        if message["part"] is not None:
            before = int(1000 * message["metrics"].get("time/seconds", 0))
            run = self._nested(message["part"], start=moment - before)
            self.parts.setdefault(run, moment)
        for key, value in message["metrics"].items():
            known = self._known(run, key)
            if step in known or not math.isfinite(value):
                continue
            known[step] = value
            self.pending.setdefault(run, []).append((key, value, moment, step))
            if run in self.parts:
                self.parts[run] = moment
            if key in self.best:
                self._best(run, key, moment)

    def flush(self) -> None:
        """Send the pending metrics."""
        for run, waiting in self.pending.items():
            for start in range(0, len(waiting), METRICS_A_CALL):
                part = waiting[start : start + METRICS_A_CALL]
                metrics = [self.mlflow.entities.Metric(*metric) for metric in part]
                self.client.log_batch(run, metrics=metrics)
        self.pending = {}

    def describe(self, message: dict[str, Any]) -> None:
        logged = self.client.get_run(self.run_id).data.params
        params = [p for p in self._params(message["params"]) if p.key not in logged]
        note = self.mlflow.entities.RunTag("mlflow.note.content", message["note"])
        self.client.log_batch(self.run_id, params=params, tags=[note])

    def child(self, message: dict[str, Any]) -> None:
        name, end = message["run_name"], message["time"]
        if name in self._all_nested():
            return
        run = self._nested(name, message["tags"], end - int(1000 * message["seconds"]))
        values = [(key, value, 0) for key, value in message["metrics"].items()]
        for key, curve in message["curves"].items():
            values += [(key, value, step) for step, value in enumerate(curve)]
        metrics = [
            self.mlflow.entities.Metric(key, value, end, step)
            for key, value, step in values
            if math.isfinite(value)
        ]
        params = self._params(message["params"])
        for start in range(0, max(len(metrics), 1), METRICS_A_CALL):
            self.client.log_batch(run, metrics[start : start + METRICS_A_CALL], params)
            params = []
        self.client.set_terminated(run, end_time=end)

    def artifact(self, message: dict[str, Any]) -> None:
        self.client.log_artifact(self.run_id, message["path"])

    def model(self, message: dict[str, Any]) -> None:
        import pandas as pd

        outputs = self.mlflow.models.infer_signature(None, pd.Series(message["outputs"])).outputs
        self.flush()  # the model's page shows only metrics that were logged before the model
        with self.mlflow.start_run(run_id=self.run_id):
            self.mlflow.pyfunc.log_model(
                name="model",
                python_model=message["code"],
                artifacts=message["artifacts"],
                # Columns of type any keep inputs unchanged. A server would convert true and 1.999
                # to 1 in typed columns, and it cannot read csv into untyped columns.
                signature=self.mlflow.models.ModelSignature(None, outputs),
                metadata={"columns": message["columns"]},
                code_paths=[str(path) for path in (*_packages(), *plugin_files())],
                model_config={"plugins": plugin_names()},
                pip_requirements=_requirements(),
                step=message["step"],
            )
        self.client.update_run(self.run_id, status="RUNNING")

    def end(self, message: dict[str, Any]) -> None:
        try:
            self.flush()
        finally:
            for run, moment in self.parts.items():
                self.client.set_terminated(run, status=message["status"], end_time=moment)
            self.client.set_terminated(self.run_id, status=message["status"])

    def _params(self, params: dict[str, str]) -> list[Any]:
        return [self.mlflow.entities.Param(k, v[:LONGEST_VALUE]) for k, v in params.items()]

    def _earlier(self, run_file: Path) -> str | None:
        """Return the id of the resumed run, if the store has it."""
        if not run_file.exists():
            return None
        run_id = run_file.read_text(encoding="utf-8").strip()
        try:
            found = self.client.get_run(run_id)
        except self.mlflow.exceptions.MlflowException:
            return None
        return run_id if found.info.lifecycle_stage == "active" else None

    def _experiment(self, uri: str, name: str) -> str:
        found = self.client.get_experiment_by_name(name)
        if found is not None:
            identifier: str = found.experiment_id
            return identifier
        location = None
        if uri.startswith(SQLITE):
            # Next to the database, whatever the current folder is.
            folder = Path(uri.removeprefix(SQLITE)).absolute().parent
            location = (folder / "mlartifacts" / name).as_uri()
        try:
            created: str = self.client.create_experiment(name, artifact_location=location)
        except self.mlflow.exceptions.MlflowException:
            found = self.client.get_experiment_by_name(name)
            if found is None:
                raise
            created = found.experiment_id  # another run has created it meanwhile
        return created

    def _known(self, run: str, key: str) -> dict[int, float]:
        if (run, key) not in self.known:
            history = self.client.get_metric_history(run, key) if self.resumed else []
            self.known[run, key] = {metric.step: metric.value for metric in history}
        return self.known[run, key]

    def _best(self, run: str, key: str, moment: int) -> None:
        """Log the best value so far at the last step, whose values MLflow's tables show."""
        known, name = self._known(run, key), f"best/{key}"
        values = [known[step] for step in sorted(known)]
        value, last = values[self.best[key].best_position(values)], max(known)
        shown = self._known(run, name)
        if not shown or shown[max(shown)] != value:
            shown[last] = value
            self.pending.setdefault(run, []).append((name, value, moment, last))

    def _all_nested(self) -> dict[str, str]:
        """Return the ids of the nested runs by their names."""
        if self.nested is None:
            named = f"tags.mlflow.parentRunId = '{self.run_id}'"
            found = self.client.search_runs([self.experiment_id], named) if self.resumed else []
            self.nested = {run.info.run_name: run.info.run_id for run in found}
        return self.nested

    def _nested(
        self, name: str, tags: Mapping[str, str] | None = None, start: int | None = None
    ) -> str:
        """Return the id of the nested run of a name, which is made if there is none."""
        nested = self._all_nested()
        if name not in nested:
            tags = {**(tags or {}), "mlflow.parentRunId": self.run_id}
            run = self.client.create_run(
                self.experiment_id, start_time=start, tags=tags, run_name=name
            )
            nested[name] = run.info.run_id
        return nested[name]

    def _input(self, name: str, sha256: str, rows: int | None) -> None:
        entities = self.mlflow.entities
        source, profile = json.dumps({"uri": name}), json.dumps({"num_rows": rows})
        data = entities.Dataset(name, sha256[:36], "local", source, profile=profile)
        self.client.log_inputs(self.run_id, datasets=[entities.DatasetInput(data, tags=[])])


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # there is no name, or no module pwd (Windows)
        return "unknown"


def _packages() -> list[Path]:
    """Return the folders of this project's code, which are stored with a model."""
    own = Path(__file__).resolve().parents[1]
    return [folder for folder in (own, own.parent / "sif") if folder.is_dir()]


def _requirements() -> list[str]:
    """Return the installed versions of the code's dependencies, for a model's environment."""
    needs = [need for need in requires("nasp") or () if "extra ==" not in need]
    names = [re.split(r"[^A-Za-z0-9_.-]", need)[0] for need in needs]
    return [f"{name}=={version(name).partition('+')[0]}" for name in names]


@contextlib.contextmanager
def _alone(uri: str) -> Iterator[None]:
    """Lock a new SQLite store while its tables are made: several runs may start together."""
    if not uri.startswith(SQLITE):
        yield
        return
    path = Path(f"{uri.removeprefix(SQLITE)}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")  # a lock that every system releases when the process ends
        yield


def main() -> None:
    """Run the worker of a process of its own."""
    # Detect an unreachable server in seconds, instead of MLflow's minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # If tqdm is installed, MLflow would draw its bars over the run's.
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    if hasattr(os, "nice"):  # Unix
        os.nice(10)  # the run has priority
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    process(sys.stdin)


def process(lines: Iterable[str]) -> None:
    """Process messages until the run ends; report a failure of the store in one line.

    Args:
        lines: A message each, in JSON.
    """
    messages: queue.Queue[dict[str, Any]] = queue.Queue()

    def read() -> None:
        for line in lines:
            messages.put(json.loads(line))
        messages.put({"do": "end", "status": "KILLED"})  # ignored after another message "end"

    threading.Thread(target=read, daemon=True).start()
    worker, message, flushed, warned = Worker(), {"do": ""}, time.monotonic(), False
    while message["do"] != "end":
        try:
            if time.monotonic() - flushed >= SECONDS_BETWEEN_FLUSHES:
                flushed = time.monotonic()
                worker.flush()
            message = messages.get(timeout=SECONDS_BETWEEN_FLUSHES)
            getattr(worker, message["do"])(message)
        except queue.Empty:
            continue
        except Exception as error:  # no error of the store may stop the run
            if not warned:
                what = "has stopped" if message["do"] == "start" else "is incomplete"
                line = next(iter(str(error).splitlines()), repr(error))
                print(f"warning: tracking {what}: {without_password(line)}", file=sys.stderr)
            warned = True
            if message["do"] == "start":
                return


if __name__ == "__main__":
    main()
    sys.stderr.flush()
    os._exit(0)  # everything is written, and a regular exit would delay the run by seconds
