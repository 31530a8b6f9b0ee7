"""The run of a command: its files, and runs that cannot be resumed."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from nasp.errors import NaspError
from nasp.experiment import run_record
from nasp.experiment.run_folder import RunOptions
from nasp.experiment.run_record import RunRecord, open_run_record
from nasp.runs.tracking import DataSet


@dataclass
class Options(RunOptions):
    """Those of a command.

    Attributes:
        epochs: A number on which the result depends.
        data_dir: Where data lie.
    """

    epochs: int = 3
    data_dir: Path | None = None


def ran(
    folder: Path,
    work: Callable[[RunRecord], Any] = lambda job: None,
    *,
    sha256: str = "abc",
    cell: str = "x",
    prolongable: bool = False,
    **options: Any,
) -> Any:
    config = Options(output=folder, tracking="none", quiet=True, **options)
    with open_run_record(
        config,
        name="toy",
        experiment="nasp/toy",
        run_name="toy",
        device=torch.device("cpu"),
        data=DataSet("made", sha256, 3),
        depends_on={"cell": cell},
        epochs=config.epochs if prolongable else None,
        began=time.perf_counter(),
        params={"task": "toy", "data": "made"},
        tags={},
    ) as opened:
        return work(opened)


def saves(opened: RunRecord) -> None:
    opened.context.checkpoint.put("phase", {"epoch": 1}, now=True)


def test_the_whole_configuration_is_written_before_the_work(tmp_path: Path) -> None:
    def look(opened: RunRecord) -> Any:
        return yaml.safe_load((opened.folder / "config.yaml").read_text())

    written = ran(tmp_path / "run", look, epochs=7)
    assert written == {
        **{"seed": 1, "device": "auto", "output": str(tmp_path / "run"), "resume": False},
        **{"tracking": "none", "quiet": True, "executor": "serial", "epochs": 7, "data_dir": None},
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 4}, "epochs was 3, now 4"),
        ({"seed": 2}, "seed was 1, now 2"),
        ({"sha256": "abd"}, "data_sha256 was abc, now abd"),
        ({"cell": "y"}, "cell was x, now y"),
    ],
)
def test_another_run_is_not_gone_on_with(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    ran(tmp_path, saves)
    before = (tmp_path / "config.yaml").read_bytes()
    with pytest.raises(NaspError, match=message):
        ran(tmp_path, resume=True, **change)
    assert (tmp_path / "config.yaml").read_bytes() == before


def test_a_run_can_be_prolonged_and_says_so(tmp_path: Path) -> None:
    def work(opened: RunRecord) -> Any:
        saves(opened)
        return opened.record({}, {}, {}, 0)["prolonged_from"]

    assert ran(tmp_path, work, prolongable=True) == []
    for _ in range(2):
        assert ran(tmp_path, work, prolongable=True, resume=True, epochs=5) == [3]
    with pytest.raises(NaspError, match="of 5 epochs, and epochs is now 4: give 5 or more"):
        ran(tmp_path, prolongable=True, resume=True, epochs=4)
    with pytest.raises(NaspError, match="seed was 1, now 2"):
        ran(tmp_path, prolongable=True, resume=True, epochs=5, seed=2)
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["epochs"] == 5


def test_another_number_of_threads_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(tmp_path, saves)
    threads = torch.get_num_threads()
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    message = f"threads was {threads}, now 77: set it back by OMP_NUM_THREADS"
    with pytest.raises(NaspError, match=message):
        ran(tmp_path, resume=True)


def test_where_and_how_it_runs_does_not_matter(tmp_path: Path) -> None:
    ran(tmp_path, saves)
    elsewhere = {"device": "cpu", "data_dir": tmp_path, "resume": True}
    assert ran(tmp_path, lambda j: j.context.checkpoint.get("phase"), **elsewhere) == {"epoch": 1}


def test_a_folder_that_holds_a_run_is_not_started_anew(tmp_path: Path) -> None:
    ran(tmp_path, saves)
    with pytest.raises(NaspError, match="holds a run: --resume continues"):
        ran(tmp_path)


@pytest.mark.parametrize("done", [False, True])
def test_a_mistake_found_before_any_work_leaves_the_folder_free(done: bool, tmp_path: Path) -> None:
    def work(opened: RunRecord) -> None:
        if done:
            saves(opened)
        raise NaspError("batch_size")

    with pytest.raises(NaspError, match="batch_size"):
        ran(tmp_path, work)
    if done:
        with pytest.raises(NaspError, match="holds a run"):
            ran(tmp_path)
    else:
        ran(tmp_path)


def test_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_record, "peak_memory_mb", lambda: 12.5)
    logged = []

    def record(opened: RunRecord) -> Any:
        monkeypatch.setattr(
            opened.tracker, "log", lambda metrics, step: logged.append((metrics, step))
        )
        metrics = {"test/accuracy": 0.5, "valid/accuracy": 0.6, "model/parameters": 7}
        return opened.record(
            {"task": "toy", "genotype": {"a": 1}}, metrics, {"search": 2.0, "parts": 1.0}, 3
        )

    content = ran(tmp_path, record)
    assert content == json.loads((tmp_path / "result.json").read_text())
    assert content["metrics"] == {"test/accuracy": 0.5, "valid/accuracy": 0.6} | {
        "model/parameters": 7
    }
    assert content["seconds"].keys() == {"search", "parts", "total"}
    assert content["seconds"]["total"] >= 0
    assert content["peak_memory_mb"] == 12.5
    assert content["peak_device_memory_mb"] is None  # a CPU has no memory of its own
    assert content["versions"]["torch"] == torch.__version__
    assert content.keys() == {
        *("task", "genotype", "prolonged_from", "metrics", "failed", "seconds", "peak_memory_mb"),
        *("peak_device_memory_mb", "device", "threads", "processes", "versions", "commit"),
    }
    total = content["seconds"]["total"]
    times = {"time/search_s": 2.0, "time/parts_s": 1.0, "time/total_s": total}
    assert logged == [({**content["metrics"], **times}, 3)]


def test_only_the_first_of_several_processes_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("experiment.run_record", "runs.checkpoint"):
        monkeypatch.setattr(f"nasp.{module}.rank", lambda: 1)

    def work(opened: RunRecord) -> Any:
        saves(opened)
        assert opened.context.progress.quiet
        return opened.record({}, {"test/rmse": 1.0}, {}, 0)

    assert ran(tmp_path, work)["metrics"] == {"test/rmse": 1.0}
    assert list(tmp_path.iterdir()) == []
