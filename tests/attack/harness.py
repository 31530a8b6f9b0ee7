"""Runs one malformed input through a command and says what came of it.

A command may do two things with an input: refuse it in one line with exit code 2, or accept it
rightly. A traceback, a hang, or silence about what is known to be wrong is a fault.
"""

import contextlib
import io
import resource
import signal
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Literal

import psutil

from nasp.experiment.run_folder import run_command

SECONDS = 20  # after which an input counts as one that never ends
MEMORY = 4 << 30  # bytes that one input may take beside what is there already
LONGEST = 1000  # characters of one line that a person still reads

Expected = Literal["refused", "accepted", "either"]
COUNTS: dict[str, Counter[str]] = {}
"""Verdicts by kind of input, for the report at the end."""


@dataclass(frozen=True)
class Case:
    """An input.

    Attributes:
        name: What was done to it.
        run: Calls the command.
        expected: What it must do; `either` where the input may be right after all.
    """

    name: str
    run: Callable[[], object]
    expected: Expected = "either"


Kind = Callable[..., Iterator[Case]]


class Hang(BaseException):
    """Time is up."""


def attempt(case: Case) -> tuple[str, str]:
    """The verdict on a case, and what was printed."""
    shown, said = io.StringIO(), io.StringIO()
    try:
        with _bounds(), contextlib.redirect_stdout(shown), contextlib.redirect_stderr(said):
            run_command(lambda _: case.run() and None)
    except SystemExit as end:
        code = end.code
    except Hang:
        return "hang", said.getvalue()
    except BaseException:
        return "traceback", traceback.format_exc()
    if code == 0:
        return ("silently accepted" if case.expected == "refused" else "accepted"), ""
    lines = said.getvalue().splitlines()
    if code != 2 or [line.startswith("error: ") for line in lines].count(True) != 1:
        return "not one line", said.getvalue()
    if not lines[-1].startswith("error: ") or len(lines[-1]) > LONGEST:
        return "not one line", said.getvalue()
    return ("wrongly refused" if case.expected == "accepted" else "one line"), lines[-1]


def assault(kind: str, cases: Iterable[Case], every: int) -> list[str]:
    """Attempt every so-manieth case; returns the faults, and counts all verdicts."""
    faults = []
    for case in list_every(cases, every):
        verdict, said = attempt(case)
        COUNTS.setdefault(kind, Counter())[verdict] += 1
        if verdict not in ("one line", "accepted"):
            faults.append(f"{verdict}: {case.name}\n{said}")
    return faults


def list_every(cases: Iterable[Case], every: int) -> Iterator[Case]:
    """The first of each `every` cases."""
    return (case for position, case in enumerate(cases) if position % every == 0)


@contextlib.contextmanager
def _bounds() -> Iterator[None]:
    """Time and memory that a case may take; what it changes for all is put back."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Hang

    handlers = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}
    showwarning, limits = warnings.showwarning, resource.getrlimit(resource.RLIMIT_AS)
    there = psutil.Process().memory_info().vms
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    with contextlib.suppress(ValueError):  # a system that cannot bound it
        resource.setrlimit(resource.RLIMIT_AS, (there + MEMORY, limits[1]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            yield
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, limits)
        warnings.showwarning = showwarning
        for number, handler in handlers.items():
            signal.signal(number, handler)
