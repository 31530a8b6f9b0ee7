"""Tracking records a run in MLflow, resumes it, and never fails it."""

import contextlib
import io
import shlex
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nasp.metric import Metric
from nasp.runs import tracking, tracking_worker
from nasp.runs.tracking import Tracker, how_to_serve, tracking_uri

# MLflow and its dependencies raise warnings. The run itself only sends lines to a process.
pytestmark = pytest.mark.filterwarnings("ignore")

TOGETHER = ("together-1", "together-2")
CODE = """
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

class Doubler(PythonModel):
    def predict(self, context, model_input, params=None):
        return 2.0 * model_input["x"]

set_model(Doubler())
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    with contextlib.ExitStack() as together:  # making its tables is slow, and done once
        for run in TOGETHER:
            together.enter_context(tracker(folder, run))
    return folder


class WorkerInThisProcess:
    """Stands in for the process of a worker, which takes seconds to import MLflow."""

    def __init__(self, *command: Any, **options: Any) -> None:
        self.stdin = io.StringIO()

    def wait(self, timeout: float | None = None) -> None:
        if not self.stdin.closed:
            tracking_worker.process(self.stdin.getvalue().splitlines())


@pytest.fixture
def here(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run workers in this process, at the ends of their runs."""
    monkeypatch.setattr(tracking.subprocess, "Popen", WorkerInThisProcess)


def tracker(store: Path, run: str, uri: str | None = None) -> Tracker:
    return Tracker(
        uri or f"sqlite:///{store / 'mlflow.db'}",
        experiment="sif/test",
        run_name=run,
        params={"dim": 8, "long": "x" * 9000},
        tags={"strategy": "nasp"},
        run_file=store / f"{run}.id",
        best=(Metric("valid/rmse"), Metric("valid/accuracy", larger_is_better=True)),
    )


def client(store: Path) -> Any:
    import mlflow

    return mlflow.MlflowClient(f"sqlite:///{store / 'mlflow.db'}")


def test_runs_that_start_together_share_a_new_store(store: Path) -> None:
    runs = [client(store).get_run((store / f"{run}.id").read_text()) for run in TOGETHER]
    assert [run.info.status for run in runs] == ["FINISHED", "FINISHED"]


def test_a_run_is_recorded_without_bars(store: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (store / "file.txt").write_text("content")
    (store / "model.py").write_text(CODE)
    with tracker(store, "first") as run:
        for step, (rmse, accuracy) in enumerate([(0.9, 0.5), (0.7, 0.6), (0.8, 0.4)]):
            metrics = {"valid/rmse": rmse, "valid/accuracy": accuracy}
            run.log({**metrics, "train/loss": float("nan")}, step)
        run.artifact(store / "file.txt")
        files = {"file": store / "file.txt"}
        run.model(store / "model.py", files, ["x"], np.array([2.0, 4.0]), 2)
    assert "it/s" not in capfd.readouterr().err
    found = client(store).get_run((store / "first.id").read_text())
    assert found.info.status == "FINISHED"
    assert found.info.run_name == "first"
    assert found.data.params["dim"] == "8"
    assert found.data.tags["strategy"] == "nasp"
    last, best = {"valid/rmse": 0.8, "valid/accuracy": 0.4}, {"valid/rmse": 0.7}
    best["valid/accuracy"] = 0.6
    assert found.data.metrics == {**last, **{f"best/{k}": v for k, v in best.items()}}
    history = client(store).get_metric_history(found.info.run_id, "valid/rmse")
    assert [(m.step, m.value) for m in history] == [(0, 0.9), (1, 0.7), (2, 0.8)]
    artifacts = Path(found.info.artifact_uri.removeprefix("file://"))
    assert artifacts.is_relative_to(store)
    assert (artifacts / "file.txt").read_text() == "content"

    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{store / 'mlflow.db'}")
    (model,) = client(store).search_logged_models([found.info.experiment_id])
    loaded = mlflow.pyfunc.load_model(model.model_uri)
    assert {metric.key: metric.value for metric in model.metrics}["valid/rmse"] == 0.8
    needs = loaded.metadata.get_model_info().flavors["python_function"]
    assert needs["code"]
    wanted = Path(model.artifact_location.removeprefix("file://")) / "requirements.txt"
    assert "nasp" not in wanted.read_text()
    assert f"torch=={version('torch').partition('+')[0]}" in wanted.read_text()
    assert loaded.predict(pd.DataFrame({"x": [3.0]})).tolist() == [6.0]
    # A server passes values unchanged. In typed columns it would convert true and 1.999 to 1.
    assert loaded.metadata.get_input_schema() is None
    assert loaded.metadata.metadata == {"columns": ["x"]}


@pytest.mark.usefixtures("here")
def test_a_resumed_run_goes_on_without_doubles(store: Path) -> None:
    with pytest.raises(KeyboardInterrupt), tracker(store, "second") as run:
        run.log({"valid/rmse": 0.5}, 0)
        run.log({"valid/rmse": 0.6}, 1)
        raise KeyboardInterrupt
    first = (store / "second.id").read_text()
    assert client(store).get_run(first).info.status == "KILLED"
    with tracker(store, "second") as run:
        for step, rmse in enumerate([0.5, 0.6, 0.55, 0.4]):
            run.log({"valid/rmse": rmse}, step)
    assert (store / "second.id").read_text() == first
    history = client(store).get_metric_history(first, "valid/rmse")
    assert [(m.step, m.value) for m in history] == [(0, 0.5), (1, 0.6), (2, 0.55), (3, 0.4)]
    best = client(store).get_metric_history(first, "best/valid/rmse")
    assert [(m.step, m.value) for m in best] == [(0, 0.5), (3, 0.4)]


@pytest.mark.usefixtures("here")
def test_epochs_that_were_lost_are_told_again(store: Path) -> None:
    """A run and its worker that die together lose unsent metrics."""
    with tracker(store, "lost") as run:  # the first epochs were never sent
        for step, rmse in ((2, 0.8), (3, 0.7)):
            run.log({"valid/rmse": rmse}, step)
    with tracker(store, "lost") as run:
        for step, rmse in enumerate([0.9, 0.5, 0.8, 0.7]):
            run.log({"valid/rmse": rmse}, step)
    run_id = (store / "lost.id").read_text()
    history = client(store).get_metric_history(run_id, "valid/rmse")
    assert sorted((m.step, m.value) for m in history) == [(0, 0.9), (1, 0.5), (2, 0.8), (3, 0.7)]
    assert client(store).get_run(run_id).data.metrics["best/valid/rmse"] == 0.5


@pytest.mark.usefixtures("here")
def test_parts_have_curves_of_their_own(store: Path) -> None:
    for _ in range(2):  # the second time resumed
        with tracker(store, "parts") as run:
            for part, values in (("search 1", [0.9, 0.8]), ("search 2", [0.7, 0.6])):
                for step, rmse in enumerate(values):
                    run.log({"valid/rmse": rmse}, step, part=part)
    parent = client(store).get_run((store / "parts.id").read_text())
    assert "valid/rmse" not in parent.data.metrics
    nested = client(store).search_runs(
        [parent.info.experiment_id], f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
    )
    assert sorted(run.info.run_name for run in nested) == ["search 1", "search 2"]
    for run in nested:
        assert run.info.status == "FINISHED"
        history = client(store).get_metric_history(run.info.run_id, "valid/rmse")
        assert [m.step for m in history] == [0, 1]
        assert run.data.metrics["best/valid/rmse"] == run.data.metrics["valid/rmse"]


@pytest.mark.usefixtures("here")
def test_what_the_page_of_a_run_says(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/x/sif/search.py", "--tracking", "http://me:secret@host/"])
    described = tracker(store, "described")
    described._start["data"] = {"name": "made", "sha256": "abc", "rows": 7}
    with described as run:
        run.describe({"found": "max", "dim": 9}, "| a table |\n|---|")
    found = client(store).get_run((store / "described.id").read_text())
    assert (found.data.params["found"], found.data.params["dim"]) == ("max", "8")
    assert found.data.tags["mlflow.note.content"] == "| a table |\n|---|"
    assert found.data.tags["mlflow.source.name"] == "sif.search"
    assert found.data.tags["options"] == "--tracking http://host/"
    (data,) = found.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("made", "abc")
    assert '"num_rows": 7' in data.dataset.profile


@pytest.mark.usefixtures("here")
def test_nested_runs_are_recorded_once(store: Path) -> None:
    def record(run: Tracker, name: str) -> None:
        run.child(
            name,
            params={"method": name},
            tags={"found": "max"},
            metrics={"test/rmse": 0.9},
            curves={"best/valid/rmse": [1.0, 0.9]},
            seconds=25.0,
        )

    with tracker(store, "parent") as run:
        record(run, "a")
    with tracker(store, "parent") as run:  # resumed
        record(run, "a")
        record(run, "b")
    parent = client(store).get_run((store / "parent.id").read_text())
    children = client(store).search_runs(
        [parent.info.experiment_id], f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
    )
    assert sorted(run.info.run_name for run in children) == ["a", "b"]
    assert {run.info.status for run in children} == {"FINISHED"}
    assert {run.info.end_time - run.info.start_time for run in children} == {25_000}
    assert children[0].data.metrics == {"test/rmse": 0.9, "best/valid/rmse": 0.9}
    assert children[0].data.tags["found"] == "max"


@pytest.mark.usefixtures("here")
def test_an_option_that_changed_does_not_stop_tracking(
    store: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with tracker(store, "changed"):
        pass
    again = tracker(store, "changed")
    again._start["params"] = {"dim": "9", "new": "1"}
    with again as run:
        run.log({"valid/rmse": 0.5}, 0)
    found = client(store).get_run((store / "changed.id").read_text())
    assert found.data.metrics["valid/rmse"] == 0.5
    assert (found.data.params["dim"], found.data.params["new"]) == ("8", "1")
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("here")
def test_an_error_marks_the_run_and_a_deleted_run_is_not_resumed(store: Path) -> None:
    with pytest.raises(ValueError, match="bug"), tracker(store, "third"):
        raise ValueError("bug")
    first = (store / "third.id").read_text()
    assert client(store).get_run(first).info.status == "FAILED"
    client(store).delete_run(first)
    with tracker(store, "third"):
        pass
    assert (store / "third.id").read_text() != first


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "sqlite:////dev/null/mlflow.db"])
def test_a_failing_store_only_warns(
    store: Path, uri: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with tracker(store, "fourth", uri) as run:
        run.log({"valid/rmse": 0.5}, 0)
    assert "warning: tracking has stopped" in capfd.readouterr().err


def test_a_store_that_fails_early_does_not_fail_a_long_run(store: Path) -> None:
    with tracker(store, "long", "sqlite:////dev/null/mlflow.db") as run:
        worker = run._worker
        assert worker is not None
        worker.wait(30)
        # The message "end" is the first one to the closed pipe.
    assert not (store / "long.id").exists()


@pytest.mark.usefixtures("here")
def test_what_fails_costs_only_itself(store: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with tracker(store, "part") as run:
        run.artifact(store / "nothing")
        run.log({"valid/rmse": np.float32(0.5)}, 0)
    assert "warning: tracking is incomplete" in capfd.readouterr().err
    found = client(store).get_run((store / "part.id").read_text())
    assert found.info.status == "FINISHED"
    assert found.data.metrics["valid/rmse"] == 0.5


def test_none_tracks_nothing(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere")
    with tracker(store, "fifth", "none") as run:
        run.log({"valid/rmse": 0.5}, 0)
        run.artifact(store / "nothing")
    assert not (store / "fifth.id").exists()


def test_where_the_store_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert tracking_uri(None) == "sqlite:///mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server")
    assert tracking_uri(None) == "http://server"
    assert tracking_uri("none") == "none"


def test_the_line_that_serves_is_one_for_any_shell(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'my runs'}/mlflow.db"
    words = shlex.split(how_to_serve(uri, tmp_path / "none").removeprefix("serve it: "))
    assert words[1] == f"MLFLOW_TRACKING_URI={uri}"
    assert words[2:5] == ["mlflow", "models", "serve"]
