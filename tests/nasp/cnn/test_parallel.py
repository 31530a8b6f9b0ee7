"""Two processes that share a batch have the result of one."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from nasp import cnn_search, cnn_train
from tests.nasp.cnn import work

SEARCH = [
    *("--channels", "4", "--layers", "3", "--batch_size", "8", "--epochs", "1"),
    *("--device", "cpu", "--tracking", "none"),
]


def free_ports(count: int) -> list[str]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [str(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, sys.path))
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path, **more}


@pytest.fixture(scope="module")
def alone() -> work.Results:
    return work.everything()


@pytest.fixture(scope="module")
def pair(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each of two processes got, what they printed, and the folder they wrote to."""
    folder = tmp_path_factory.mktemp("pair")
    command = [sys.executable, "-m", "tests.nasp.cnn.work", str(folder), str(photos)]
    command += free_ports(2)
    started = [
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(WORLD_SIZE="2", RANK=str(rank), MASTER_ADDR="127.0.0.1"),
        )
        for rank in range(2)
    ]
    printed = [process.communicate(timeout=300) for process in started]
    assert [process.returncode for process in started] == [0, 0], printed
    results = [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]
    return {"results": results, "printed": printed, "folder": folder}


def test_processes_share_add_up_and_average(pair: dict[str, Any]) -> None:
    for rank, found in enumerate(pair["results"]):
        basics = found["basics"]
        assert basics["processes"] == 2
        assert basics["share"].tolist() == [4 * rank + i for i in range(4)]
        assert basics["sum"].tolist() == [1, 2]
        assert [mean.tolist() for mean in basics["mean"]] == [[1.5, 3.0], 2.5]


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize(
    ("offset", "dtype", "tolerance"), [(0.0, torch.float64, 1e-12), (300.0, torch.float32, 1e-4)]
)
def test_batch_norm_is_that_of_the_whole_batch(
    affine: bool,
    offset: float,
    dtype: torch.dtype,
    tolerance: float,
    pair: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(work, "BatchNorm", nn.BatchNorm2d)
    exact = work.normalised(affine, offset, dtype)
    first, second = (found["norms"][affine, offset, str(dtype)] for found in pair["results"])
    for step in range(2):
        for which in range(2):  # the output, and the gradient of the input
            halves = [part["shared"][step][which] for part in (first, second)]
            whole = exact["shared"][step][which]
            torch.testing.assert_close(torch.cat(halves), whole, rtol=tolerance, atol=tolerance)
    for ours in (first, second):
        assert len(ours["weights"]) == 2 * affine
        for key in ("weights", "buffers"):
            for one, other in zip(ours[key], exact[key], strict=True):
                assert one.dtype == other.dtype
                torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ["nasp", "sampled", "darts", "darts2"])
def test_a_search_takes_the_same_steps(
    name: str, pair: dict[str, Any], alone: work.Results
) -> None:
    for found in pair["results"]:
        ours, exact = found[name], alone[name]
        assert ours["genotype"] == exact["genotype"]
        assert ours["loss"] == pytest.approx(exact["loss"], rel=1e-8)
        for key in ("A", "weights", "buffers"):
            assert (ours[key] - exact[key]).norm() <= 1e-7 * exact[key].norm()


def test_training_with_drop_path_and_auxiliary_head_is_the_same(
    pair: dict[str, Any], alone: work.Results
) -> None:
    exact = alone["trained"]
    for found in pair["results"]:
        ours = found["trained"]
        for key in ("weights", "buffers"):
            assert (ours[key] - exact[key]).norm() <= 1e-3 * exact[key].norm()
        for epoch, other in zip(ours["metrics"], exact["metrics"], strict=True):
            assert epoch == pytest.approx(other, rel=1e-3)


def test_judging_in_turns_counts_every_image_once(
    pair: dict[str, Any], alone: work.Results
) -> None:
    for found in pair["results"]:
        for size, metrics in alone["judged"].items():
            assert found["judged"][size] == pytest.approx(metrics, rel=1e-6)


def test_what_two_processes_cannot_do_is_said(pair: dict[str, Any]) -> None:
    for found in pair["results"]:
        exact, uneven = found["refused"]
        assert "hessian=finite" in exact
        assert uneven == "a batch of 9 cannot be shared evenly by 2 processes"


def metrics_of(folder: Path) -> dict[str, float]:
    found: dict[str, float] = json.loads((folder / "result.json").read_text())["metrics"]
    return found


def test_the_training_command_has_one_result_and_one_writer(
    pair: dict[str, Any], photos: Path, tmp_path: Path
) -> None:
    cnn_train.main([*work.train_arguments(photos, tmp_path / "alone"), "--quiet"])
    together = pair["folder"] / "trained"
    assert metrics_of(together) == pytest.approx(metrics_of(tmp_path / "alone"), rel=1e-2)
    names = [{path.name for path in folder.iterdir()} for folder in (together, tmp_path / "alone")]
    assert names[0] == names[1]
    first, second = pair["printed"]
    assert "network of nasp" in first[0]
    assert second == ("", "")


def test_torchrun_runs_the_search_command(photos: Path, tmp_path: Path) -> None:
    arguments = [*SEARCH, "--data", str(photos)]
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2"]
    launch += ["--master_port", *free_ports(1), "-m", "nasp.cnn_search"]
    output = ["--output", str(tmp_path / "two")]
    done = subprocess.run(
        [*launch, *arguments, *output], capture_output=True, text=True, env=environment()
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("cells found") == 1
    cnn_search.main([*arguments, "--output", str(tmp_path / "one"), "--quiet"])
    one, two = (json.loads((tmp_path / n / "result.json").read_text()) for n in ("one", "two"))
    assert one["genotype"] == two["genotype"]
    assert two["metrics"] == pytest.approx(one["metrics"], rel=1e-2)
