"""A run that is killed at any moment resumes to the same result, and leaves no other files."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.attack.made import COMPARE, ONCE, Made
from tests.killing import Killing

KILLS = 3  # number of kills of each run
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
    watching = Killing(folder / "watching", f"{whole}/*", nth=0)
    _run([*command, "--output", str(whole)], watching)
    moments = range(1, 1 + len(watching.renamed))
    in_place = 0  # number of files that were written before
    for moment in sorted(random.sample(moments, KILLS)):
        # A resumed run writes config.yaml again, and then the files that are missing.
        nth = moment - in_place + (in_place > 0)
        killing = Killing(folder / f"killing {moment}", f"{killed}/*", nth)
        again = ["--resume"] if in_place else []
        if _run([*command, "--output", str(killed), *again], killing) == 0:
            assert in_place, "the first run is killed at a moment that there is"
            break
        in_place = moment - 1
    again = ["--resume"] if in_place else []
    assert _run([*command, "--output", str(killed), *again]) == 0
    assert _told(killed) == _told(whole)
    assert _names(killed) == _names(whole)


def _run(command: list[str], killing: Killing | None = None) -> int:
    """Return the exit code of a run, which succeeds or is killed."""
    environment = None if killing is None else killing.environment
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode


def _told(folder: Path) -> Any:
    """Return the parts of a result that the seed determines, which exclude times."""
    if (folder / "measurements").is_dir():
        cells = [
            json.loads(path.read_text()) for path in sorted(folder.glob("measurements/*.json"))
        ]
        return [{k: v for k, v in cell.items() if k in ("metrics", "tuned")} for cell in cells]
    result = json.loads((folder / "result.json").read_text())
    return result["genotype"], result["metrics"]


def _names(folder: Path) -> set[str]:
    """Return all files of a run, including hidden temporary ones."""
    return {
        os.path.relpath(os.path.join(place, name), folder)
        for place, _, names in os.walk(folder)
        for name in names
    }
