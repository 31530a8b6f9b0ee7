"""Devices, versions, the commit and memory."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from nasp.errors import NaspError
from nasp.runs import environment
from nasp.runs.environment import describe, peak_device_memory_mb, peak_memory_mb
from nasp.training import device
from nasp.training.device import resolve_device


def git(folder: Path, *arguments: str) -> str:
    who = {
        f"GIT_{role}_{what}": "x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(
        command, env={**os.environ, **who}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one commit, used as the package's checkout."""
    folder = tmp_path.resolve() / "checkout"
    (folder / "inner").mkdir(parents=True)
    (folder / "file").write_text("first")
    git(folder, "init", "--quiet")
    git(folder, "add", "file")
    git(folder, "commit", "--quiet", "--message", "first")
    monkeypatch.setattr(environment, "CHECKOUT", folder)
    return folder


def commit() -> str | None:
    return describe(torch.device("cpu"))["commit"]


def test_devices() -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type in {"cpu", "cuda"}


@pytest.mark.parametrize("name", ["gpu", "", "cuda:x", "cpu0"])
def test_an_unknown_device_is_refused(name: str) -> None:
    with pytest.raises(NaspError, match=f"unknown device '{name}'"):
        resolve_device(name)


@pytest.mark.parametrize("name", ["cuda:99", "cpu:1", "meta"])
def test_an_absent_device_is_refused(name: str) -> None:
    with pytest.raises(NaspError, match=f"{name} was asked for.*: use --device cpu"):
        resolve_device(name)


def test_auto_and_cuda_go_by_the_gpus_that_torch_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert resolve_device("auto") == torch.device("cpu")
    with pytest.raises(NaspError, match="cuda was asked for, but torch sees no such device"):
        resolve_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("auto") == torch.device("cuda")
    assert resolve_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(NaspError, match="cuda:2 was asked for"):
        resolve_device("cuda:2")


def test_description() -> None:
    described = describe(torch.device("cpu"))
    assert described.keys() == {"device", "threads", "processes", "versions", "commit"}
    assert (described["threads"], described["processes"]) == (torch.get_num_threads(), 1)
    assert described["versions"].keys() == {"python", "torch", "numpy", "nasp"}
    assert described["versions"]["torch"] == torch.__version__
    assert described["versions"]["numpy"] == np.__version__
    assert described["device"]


def test_the_commit_is_that_of_the_checkout(checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    assert commit() == head
    (checkout / "file").write_text("second")
    assert commit() == f"{head}-dirty"


def test_another_checkout_around_the_installation_is_not_meant(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "CHECKOUT", checkout / "inner")
    assert commit() is None


def test_no_commit_without_git(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert commit() is None


def test_peak_memory_is_in_megabytes() -> None:
    before = peak_memory_mb()
    assert 50 < before < 1e5  # torch alone takes more than that
    assert peak_memory_mb() >= before


def test_macos_counts_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    in_kilobytes = peak_memory_mb()
    monkeypatch.setattr(environment.sys, "platform", "darwin")
    assert peak_memory_mb() == pytest.approx(in_kilobytes / 1024, rel=0.1)


def test_auto_takes_a_macs_gpu_where_the_optimiser_runs_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("auto").type == "cpu"  # the device is reported as available, but unusable
    monkeypatch.setattr(device, "_mps_is_of_use", lambda: True)
    assert resolve_device("auto").type == "mps"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_the_memory_of_a_gpu_is_counted_apart() -> None:
    device = torch.device("cuda")
    held = torch.ones(25_000_000, device=device)
    peak = peak_device_memory_mb(device)
    assert peak is not None and peak >= held.nbytes / 1e6 == 100


def test_memory_is_told_where_there_is_no_resource_module(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = peak_memory_mb()
    monkeypatch.setitem(sys.modules, "resource", None)
    assert peak_memory_mb() == pytest.approx(expected, rel=0.5)
