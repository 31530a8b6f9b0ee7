"""Devices, versions and the files that come along."""

import pytest
import torch

from nasp.core.environment import describe, peak_memory_mb, resolve_device
from nasp.core.errors import NaspError
from nasp.core.resources import find_config, resource


def test_devices() -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type in {"cpu", "cuda"}
    with pytest.raises(NaspError, match="unknown device 'gpu'"):
        resolve_device("gpu")
    with pytest.raises(NaspError, match="no such device: use --device cpu"):
        resolve_device("cuda:99")


def test_description() -> None:
    described = describe(torch.device("cpu"))
    assert described["versions"]["torch"] == torch.__version__
    assert described["device"]
    assert 10 < peak_memory_mb() < 1e6


def test_resources() -> None:
    assert resource("datasets").is_dir()
    assert find_config("paper", "sif").name == "paper.yaml"
    assert find_config(str(find_config("paper", "sif")), "sif").is_file()
    with pytest.raises(NaspError, match="missing from the installation"):
        resource("nothing")
