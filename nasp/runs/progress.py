"""Progress of a run: a live bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

SECONDS_BETWEEN_LINES = 5.0


class Phase(Protocol):
    """A phase of a run whose progress is shown."""

    def advance(self, metrics: Mapping[str, float]) -> None:
        """Count one more step, and show its metrics."""


class Progress:
    """Shows the phases of a run on standard error.

    Args:
        quiet: Show nothing.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.console = Console(stderr=True)

    @contextmanager
    def phase(self, name: str, *, total: int, start: int = 0) -> Iterator[Phase]:
        """Show a phase of at most `total` steps, of which `start` are already done."""
        if self.quiet:
            yield _Silent()
        elif self.console.is_terminal:
            with _bars(self.console) as bars:
                yield _Bar(bars, name, total, start)
        else:
            lines = _Lines(name, total, start)
            yield lines
            lines.close()


class _Silent:
    def advance(self, metrics: Mapping[str, float]) -> None:
        pass


def _bars(console: Console) -> Bars:
    return Bars(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[metrics]}"),
        TimeRemainingColumn(),
        console=console,
    )


class _Bar:
    def __init__(self, bars: Bars, name: str, total: int, start: int) -> None:
        self.bars = bars
        self.task = bars.add_task(name, total=total, completed=start, metrics="")

    def advance(self, metrics: Mapping[str, float]) -> None:
        self.bars.update(self.task, advance=1, metrics=_text(metrics))


class _Lines:
    def __init__(self, name: str, total: int, start: int) -> None:
        self.name, self.total, self.start, self.done = name, total, start, start
        self.began = self.printed = time.monotonic()
        self.latest: Mapping[str, float] = {}
        self.pending = False

    def advance(self, metrics: Mapping[str, float]) -> None:
        self.done += 1
        self.latest, self.pending = metrics, True
        if time.monotonic() - self.printed >= SECONDS_BETWEEN_LINES:
            self._print()

    def close(self) -> None:
        if self.pending:
            self._print()

    def _print(self) -> None:
        now = time.monotonic()
        left = (now - self.began) / (self.done - self.start) * (self.total - self.done)
        done = f"{self.name}  {self.done}/{self.total}  {_text(self.latest)}"
        print(f"{done}  at most {left:.0f} s left", file=sys.stderr, flush=True)
        self.printed, self.pending = now, False


def _text(metrics: Mapping[str, float]) -> str:
    shown = {k: v for k, v in metrics.items() if not k.startswith(("time/", "arch/"))}
    return "  ".join(f"{name} {value:.4f}" for name, value in shown.items())
