"""Two processes that share a batch have the same result as one."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from nasp import cnn_search, cnn_train
from nasp.cnn import report
from tests.nasp.cnn import work


def free_ports(count: int) -> list[str]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [str(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture(scope="module")
def alone() -> work.Results:
    return work.everything()


@pytest.fixture(scope="module")
def folder(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of two processes."""
    made = tmp_path_factory.mktemp("pair")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2"]
    port, *others = free_ports(3)
    work_of_both = ["-m", "tests.nasp.cnn.work", str(made), str(photos), *others]
    path = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [*command, "--master_port", port, *work_of_both],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def pair(folder: Path) -> list[work.Results]:
    """The results of each of the two processes."""
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


def test_processes_share_add_up_and_average(pair: list[work.Results]) -> None:
    for rank, found in enumerate(pair):
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
    pair: list[work.Results],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(work, "BatchNorm", nn.BatchNorm2d)
    exact = work.normalised(affine, offset, dtype)
    first, second = (found["norms"][affine, offset, str(dtype)] for found in pair)
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
    name: str, pair: list[work.Results], alone: work.Results
) -> None:
    for found in pair:
        ours, exact = found[name], alone[name]
        assert ours["genotype"] == exact["genotype"]
        assert ours["loss"] == pytest.approx(exact["loss"], rel=1e-8)
        for key in ("A", "weights", "buffers"):
            assert (ours[key] - exact[key]).norm() <= 1e-7 * exact[key].norm()


def test_training_with_drop_path_and_auxiliary_head_is_the_same(
    pair: list[work.Results], alone: work.Results
) -> None:
    exact = alone["trained"]
    for found in pair:
        ours = found["trained"]
        for key in ("weights", "buffers"):
            assert (ours[key] - exact[key]).norm() <= 1e-3 * exact[key].norm()
        for epoch, other in zip(ours["metrics"], exact["metrics"], strict=True):
            assert epoch == pytest.approx(other, rel=1e-3)


def test_judging_in_turns_counts_every_image_once(
    pair: list[work.Results], alone: work.Results
) -> None:
    for found in pair:
        for size, metrics in alone["judged"].items():
            assert found["judged"][size] == pytest.approx(metrics, rel=1e-6)


def test_what_two_processes_cannot_do_is_said(pair: list[work.Results]) -> None:
    for position, found in enumerate(pair):
        exact, uneven, training, by_one = found["refused"]
        assert ("not here", "another process of the run failed")[position] in by_one
        assert "hessian=finite" in exact
        assert uneven == "a batch of 9 cannot be shared evenly by 2 processes"
        assert training == "a batch of 5 cannot be shared evenly by 2 processes"


def test_no_thread_outlives_the_group(pair: list[work.Results]) -> None:
    """A thread of the group that still runs at exit can abort the process."""
    for found in pair:
        assert not [name for name in found["threads"] if "gloo" in name or "store" in name]


@pytest.mark.usefixtures("empty_pictures")
@pytest.mark.parametrize(
    ("main", "name", "more", "shown"),
    [
        (cnn_search.main, "searched", work.SEARCH, "cells found"),
        (cnn_train.main, "trained", work.TRAIN, "network of nasp"),
    ],
)
def test_a_command_has_one_result_and_one_writer(
    main: Callable[[list[str]], None],
    name: str,
    more: list[str],
    shown: str,
    folder: Path,
    pair: list[work.Results],
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(report.plots, "draw_weights", lambda *arguments: None)
    main([*work.arguments(photos, tmp_path / name), *more, "--quiet"])
    one, two = (json.loads((f / name / "result.json").read_text()) for f in (tmp_path, folder))
    assert one["genotype"] == two["genotype"]
    assert two["metrics"] == pytest.approx(one["metrics"], rel=1e-2)
    names = [{path.name for path in (f / name).iterdir()} for f in (tmp_path, folder)]
    assert names[0] == names[1]
    first, second = (found["printed"] for found in pair)
    assert first.count(shown) == 1
    assert second == ""
