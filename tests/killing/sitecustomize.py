"""Kills a process just before it renames a file; see `tests.killing`.

Python imports this module first in each process that has its folder on the path.
"""

import fnmatch
import os
import signal
import sys
from typing import Any

FOLDER = os.environ.get("NASP_KILLING_FOLDER", "")
PATTERN = os.environ.get("NASP_KILLING_PATTERN", "")
NTH = int(os.environ.get("NASP_KILLING_NTH", "1"))
TIMES = int(os.environ.get("NASP_KILLING_TIMES", "1"))
seen = 0


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and "nasp.runs.checkpoint" in sys.modules:
        # Write every epoch. Otherwise a short run would write only the last epoch of a phase.
        sys.modules["nasp.runs.checkpoint"].SECONDS_BETWEEN_WRITES = 0.0  # type: ignore[attr-defined]
    if event == "os.rename" and fnmatch.fnmatch(os.fspath(arguments[1]), PATTERN):
        match(os.fspath(arguments[1]))


def match(path: str) -> None:
    global seen
    seen += 1
    if seen == NTH and first_of(TIMES):
        os.kill(os.getpid(), signal.SIGKILL)
    with open(os.path.join(FOLDER, "renamed"), "a") as file:
        file.write(f"{path}\n")


def first_of(times: int) -> bool:
    """Whether fewer than `times` processes were killed so far; counts this one."""
    for number in range(times):
        try:
            os.close(os.open(os.path.join(FOLDER, f"killed {number}"), os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        return True
    return False


if PATTERN:
    sys.addaudithook(hook)
