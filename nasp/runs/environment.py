"""The environment of a run: device, versions, commit and memory."""

import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from nasp.cli.package_files import version
from nasp.runs.process import processes

CHECKOUT = Path(__file__).resolve().parents[2]


def describe(device: torch.device) -> dict[str, Any]:
    """Return the device's name, versions, the commit, and the numbers of threads and processes.

    The commit is that of the checkout, None without one. Another number of threads or processes
    can change the last digits of a result, and so the choices of a search.
    """
    versions = {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "nasp": version(),
    }
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    counts = {"threads": torch.get_num_threads(), "processes": processes()}
    return {"device": name, **counts, "versions": versions, "commit": _commit()}


def peak_memory_mb() -> float:
    """Return the peak memory of this process, in units of 10⁶ bytes."""
    try:
        import resource
    except ImportError:  # Windows
        memory = psutil.Process().memory_info()
        return float(getattr(memory, "peak_wset", memory.rss)) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def peak_device_memory_mb(device: torch.device) -> float | None:
    """Return the peak memory of tensors on a CUDA device, in units of 10⁶ bytes.

    For other devices return None.
    """
    return torch.cuda.max_memory_allocated(device) / 1e6 if device.type == "cuda" else None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _commit() -> str | None:
    def git(*arguments: str) -> str:
        # Without optional locks, a run cannot block a `git commit` of the user.
        command = ["git", "--no-optional-locks", "-C", str(CHECKOUT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != CHECKOUT:
            return None  # installed in a folder of another checkout
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
