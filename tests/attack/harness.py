"""Runs a malformed input through a command and returns the verdict.

A command may refuse an input in one line with exit code 2, or accept it if it is valid. A
traceback, a hang, or acceptance of an input that is known to be wrong is a fault.
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

SECONDS = 20  # time limit of an input, after which it counts as a hang
MEMORY = 4 << 30  # additional memory that an input may use, in bytes
LONGEST = 1000  # largest length of a message, in characters

Expected = Literal["refused", "accepted", "either"]
COUNTS: dict[str, Counter[str]] = {}
"""Verdicts by kind of input, for the report at the end."""


@dataclass(frozen=True)
class Case:
    """An input.

    Attributes:
        name: How the input was changed.
        run: Calls the command.
        expected: The required verdict; `either` if the input may still be valid.
    """

    name: str
    run: Callable[[], object]
    expected: Expected = "either"


Kind = Callable[..., Iterator[Case]]


class Hang(BaseException):
    """The time limit was reached."""


def attempt(case: Case) -> tuple[str, str]:
    """Return the verdict on a case, and the output."""
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
    """Run one of every `every` cases, count the verdicts, and return the faults."""
    faults = []
    for case in list_every(cases, every):
        verdict, said = attempt(case)
        COUNTS.setdefault(kind, Counter())[verdict] += 1
        if verdict not in ("one line", "accepted"):
            faults.append(f"{verdict}: {case.name}\n{said}")
    return faults


def list_every(cases: Iterable[Case], every: int) -> Iterator[Case]:
    """Yield the first of every `every` cases."""
    return (case for position, case in enumerate(cases) if position % every == 0)


@contextlib.contextmanager
def _bounds() -> Iterator[None]:
    """Limit time and memory of a case, and restore global state afterwards."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Hang

    handlers = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}
    showwarning, limits = warnings.showwarning, resource.getrlimit(resource.RLIMIT_AS)
    there = psutil.Process().memory_info().vms
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    with contextlib.suppress(ValueError):  # systems without this limit
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
