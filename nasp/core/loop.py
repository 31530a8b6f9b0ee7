"""The one epoch loop: searches and stand-alone trainings supply only what differs."""

import copy
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from nasp.core.checkpoint import Checkpoint
from nasp.core.errors import NaspError
from nasp.core.metrics import Metrics, better
from nasp.core.progress import Progress

SECONDS = "time/seconds"


class Stateful(Protocol):
    """Anything that can be put into a checkpoint: modules, optimisers, schedules, strategies."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any], /) -> Any: ...


@dataclass
class Run:
    """What a run gives to each of its phases.

    Attributes:
        checkpoint: Where the state goes.
        progress: Where a person looks.
        log: Where an epoch's metrics go: `(metrics, epoch)`.
    """

    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    progress: Progress = field(default_factory=lambda: Progress(quiet=True))
    log: Callable[[Mapping[str, float], int], None] = lambda metrics, step: None


@dataclass
class Outcome:
    """How a phase went.

    Attributes:
        history: Metrics of each epoch; `time/seconds` counts from the start of the phase.
        best_epoch: Position of the epoch with the best monitored metric.
        best: What `snapshot` returned then.
    """

    history: list[Metrics]
    best_epoch: int = -1
    best: Any = None


def run_epochs(
    name: str,
    epoch: Callable[[int], Metrics],
    *,
    epochs: int,
    state: Mapping[str, Stateful | torch.Generator],
    monitor: str,
    snapshot: Callable[[], Any],
    run: Run,
    patience: int | None = None,
    max_seconds: float | None = None,
) -> Outcome:
    """Run epochs until there are enough, or `monitor` no longer improves, or time is up.

    A phase whose checkpoint section exists goes on from there, and ends as if it had never
    stopped; one that had ended returns at once.

    Args:
        name: The phase, unique in the run.
        epoch: Runs one epoch, given its position, and returns its metrics.
        epochs: Number of epochs at most.
        state: All that an epoch changes and the next depends on.
        monitor: The metric that tells the best epoch (`nasp.core.metrics`).
        snapshot: Returns what to keep of the best epoch: tensors, numbers, strings, lists, dicts.
        run: Checkpoint, progress and log.
        patience: Epochs without an improvement after which it stops; None never does.
        max_seconds: Seconds after which no further epoch starts; None never does.

    Raises:
        NaspError: `monitor` is not finite. The checkpoint holds the epoch before.
    """
    outcome, done = Outcome([]), False
    saved = run.checkpoint.get(name)
    if saved is not None:
        outcome, done = Outcome(saved["history"], saved["best_epoch"], saved["best"]), saved["done"]
        for key, part in state.items():
            if isinstance(part, torch.Generator):
                part.set_state(saved["state"][key])
            else:
                part.load_state_dict(saved["state"][key])
    history = outcome.history
    before = history[-1][SECONDS] if history else 0.0
    start = time.perf_counter()
    with run.progress.phase(name, total=epochs, start=len(history)) as phase:
        while not done:
            metrics = epoch(len(history))
            if not math.isfinite(metrics[monitor]):
                raise NaspError(
                    f"{name}: {monitor} is {metrics[monitor]} at epoch {len(history) + 1}: "
                    "lower the learning rate; the checkpoint holds the last good epoch"
                )
            metrics[SECONDS] = before + time.perf_counter() - start
            history.append(metrics)
            if outcome.best_epoch < 0 or better(
                monitor, metrics[monitor], history[outcome.best_epoch][monitor]
            ):
                outcome.best_epoch, outcome.best = len(history) - 1, snapshot()
            stale = len(history) - 1 - outcome.best_epoch
            done = (
                len(history) >= epochs
                or (patience is not None and stale >= patience)
                or (max_seconds is not None and metrics[SECONDS] >= max_seconds)
            )
            run.checkpoint.put(
                name,
                {
                    "history": history,
                    "best_epoch": outcome.best_epoch,
                    "best": outcome.best,
                    "done": done,
                    "state": {key: _capture(part) for key, part in state.items()},
                },
                now=done,
            )
            run.log(metrics, len(history) - 1)
            phase.advance(metrics)
    return outcome


def _capture(part: Stateful | torch.Generator) -> Any:
    # A copy: the file may be written epochs later, when the live tensors have moved on.
    if isinstance(part, torch.Generator):
        return part.get_state()
    return copy.deepcopy(part.state_dict())
