"""A run that is killed at any moment goes on to the same result, and leaves nothing else behind."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.attack.made import COMPARE, ONCE, Made

KILLS = 3  # of each run
SIF = [
    *("--embedding_dim", "2", "--epochs", "6", "--warm_up", "1", "--restarts", "2"),
    *("--finalists", "2", "--train_epochs", "6", *ONCE),
]
CNN = [
    *("--channels", "2", "--layers", "3", "--batch_size", "8", "--images", "32", "--epochs", "3"),
    *("--trials", "3", "--train_epochs", "2", *ONCE),
]
RNN = [
    *("--emsize", "10", "--nhid", "10", "--batch_size", "4", "--bptt", "6", "--epochs", "4"),
    *("--tokens", "200", "--trials", "3", "--train_epochs", "2", *ONCE),
]
RUNS = {
    "search": ("sif.search", "table", SIF),
    "trials": ("sif.search", "table", [*SIF, "--strategy", "random", "--trials", "3"]),
    "DARTS": ("sif.search", "table", [*SIF, "--strategy", "darts"]),
    "CNN cells": ("nasp.cnn_search", "photos", CNN),
    "CNN trials": ("nasp.cnn_search", "photos", [*CNN, "--strategy", "random"]),
    "RNN cells": ("nasp.rnn_search", "texts", RNN),
    "RNN trials": ("nasp.rnn_search", "texts", [*RNN, "--strategy", "random"]),
    "comparison": ("sif.compare", "table", [*COMPARE, "--search.epochs", "4"]),
}


@pytest.mark.attack
@pytest.mark.parametrize("kind", RUNS)
def test_a_killed_run_goes_on_to_the_same_result(kind: str, made: Made, folder: Path) -> None:
    module, data, options = RUNS[kind]
    command = [sys.executable, "-m", module, "--data", str(getattr(made, data)), *options]
    whole, killed, random = folder / "whole", folder / "killed", Random(kind)
    seconds = _run([*command, "--output", str(whole)], whole)
    assert seconds is not None
    goes_on: list[str] = []
    for _ in range(KILLS):
        again = [*command, "--output", str(killed), *goes_on]
        if _run(again, killed, kill_after=random.uniform(0, seconds)) is not None:
            break  # it ended before
        goes_on = ["--resume"] if (killed / "config.yaml").exists() else []
    assert _run([*command, "--output", str(killed), *goes_on], killed) is not None
    assert _told(killed) == _told(whole)
    assert _names(killed) == _names(whole)


def _run(command: list[str], output: Path, kill_after: float | None = None) -> float | None:
    """Seconds from the first file on that a run took; None if it was killed."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while process.poll() is None and not (output / "config.yaml").exists():
        time.sleep(0.01)
    start = time.perf_counter()
    try:
        shown, _ = process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None
    assert process.returncode == 0, shown.decode()
    return time.perf_counter() - start


def _told(folder: Path) -> Any:
    """What a seed fixes: what was found and how good it is, without times."""
    if (folder / "cells").is_dir():
        cells = [json.loads(path.read_text()) for path in sorted(folder.glob("cells/*.json"))]
        return [{k: v for k, v in cell.items() if k in ("metrics", "tuned")} for cell in cells]
    result = json.loads((folder / "result.json").read_text())
    return result["genotype"], result["metrics"]


def _names(folder: Path) -> set[str]:
    """All files of a run, hidden ones too; by which a temporary file is seen."""
    return {
        os.path.relpath(os.path.join(place, name), folder)
        for place, _, names in os.walk(folder)
        for name in names
    }
