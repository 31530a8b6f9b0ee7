"""The one epoch loop: searches and stand-alone trainings supply only what differs."""

import copy
import math
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from nasp.errors import Diverged, NaspError
from nasp.files.schema import anything, flag, integer, like, mapping, section, sequence
from nasp.metric import Metrics, better
from nasp.runs.checkpoint import Checkpoint
from nasp.runs.context import Run
from nasp.runs.model_file import DAMAGE

SECONDS = "time/seconds"


def _metrics(value: Any, name: str) -> None:
    mapping(anything)(value, name)
    if SECONDS not in value or not all(type(part) in (int, float) for part in value.values()):
        raise NaspError(f"{name} must be numbers, the seconds among them")


SECTION = section(
    {
        "history": sequence(_metrics),
        "best_epoch": integer(),
        "best": anything,
        "done": flag,
        "state": mapping(anything),
    }
)


class Stateful(Protocol):
    """Anything that can be put into a checkpoint: modules, optimisers, schedules, strategies."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any], /) -> Any: ...


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
    keep: Collection[str] = (),
    patience: int | None = None,
    max_seconds: float | None = None,
) -> Outcome:
    """Run epochs until there are enough, or `monitor` no longer improves, or time is up.

    A phase whose checkpoint section exists goes on from there, and ends as if it had never
    stopped; one that had ended returns at once. Whatever stops it, the last whole epoch is in the
    checkpoint's file.

    Args:
        name: The phase, unique in the run.
        epoch: Runs one epoch, given its position, and returns its metrics.
        epochs: Number of epochs at most.
        state: All that an epoch changes and the next depends on.
        monitor: The metric that tells the best epoch (`nasp.metric`).
        snapshot: Returns what to keep of the best epoch: tensors, numbers, strings, lists, dicts.
        run: Checkpoint, progress and log.
        keep: The parts of `state` that are wanted once the phase has ended. The checkpoint of one
            that has ended holds no others.
        patience: Epochs without an improvement after which it stops; None never does.
        max_seconds: Seconds after which no further epoch starts; None never does.

    Raises:
        Diverged: `epoch` raised it, or `monitor` is not finite.
        NaspError: The checkpoint is not of this phase.
    """
    outcome, done = Outcome([]), False
    saved = run.checkpoint.get(name)
    if saved is not None:
        outcome, done = _resumed(name, run, state, snapshot)
    history = outcome.history
    for position, metrics in enumerate(history):
        run.log(metrics, position)
    before = history[-1][SECONDS] if history else 0.0
    start = time.perf_counter()
    with (
        _written_whatever_happens(run.checkpoint),
        run.progress.phase(name, total=epochs, start=len(history)) as phase,
    ):
        while not done:
            with _told_as_of(name, len(history)):
                metrics = epoch(len(history))
                if not math.isfinite(metrics[monitor]):
                    raise Diverged(f"{monitor} is {metrics[monitor]}: lower the learning rate")
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
            wanted = keep if done else state
            run.checkpoint.put(
                name,
                {
                    "history": list(history),
                    "best_epoch": outcome.best_epoch,
                    "best": outcome.best,
                    "done": done,
                    "state": {key: _capture(state[key]) for key in wanted},
                },
                now=done,
            )
            run.log(metrics, len(history) - 1)
            phase.advance(metrics)
    return outcome


def _resumed(
    name: str,
    run: Run,
    state: Mapping[str, Stateful | torch.Generator],
    snapshot: Callable[[], Any],
) -> tuple[Outcome, bool]:
    """What a phase's checkpoint holds, which must be of such a phase; the state is as it was.

    Raises:
        NaspError: It is not.
    """
    saved: Any = run.checkpoint.get(name)
    try:
        SECTION(saved, "")
        if not 0 <= saved["best_epoch"] < len(saved["history"]):
            raise ValueError("the best epoch is none of the history")
        if not saved["done"] and saved["state"].keys() != state.keys():
            raise KeyError("a part of the state is missing")
        like(snapshot())(saved["best"], "best")  # before a generator has its state
        for key, part in saved["state"].items():
            _restore(state[key], part)
    except DAMAGE as error:
        raise NaspError(
            f"{run.checkpoint.place(name)} is not of this phase ({error}): remove it, and the "
            "phase is done again"
        ) from error
    return Outcome(list(saved["history"]), saved["best_epoch"], saved["best"]), saved["done"]


@contextmanager
def one_of_several(name: str, run: Run) -> Iterator[None]:
    """See that a phase which diverges has done so for good, and that the run tells of it.

    The checkpoint then holds the reason in place of the phase, so that a resumed run does not
    repeat it; `run.failed` has it, too, and a warning says it.

    Args:
        name: The phase's.
        run: Whose phase it is.

    Raises:
        Diverged: The phase diverged, now or before the run was resumed: go on without it.
    """
    saved = run.checkpoint.get(name) or {}
    try:
        if "failed" in saved:
            raise Diverged(saved["failed"])
        yield
    except Diverged as error:
        reason = str(error.__cause__ or error)
        history = (run.checkpoint.get(name) or {}).get("history", [])
        run.checkpoint.put(name, {"failed": reason, "history": history}, now=True)
        run.failed[name] = reason
        warnings.warn(f"{name} is left out: {reason}", stacklevel=3)
        raise Diverged(f"{name}: {reason}") from error


def spent(histories: Iterable[Sequence[Metrics]]) -> float:
    """Wall time of phases in seconds, of all the times that their run was started."""
    return sum(history[-1][SECONDS] for history in histories if history)


def spent_before(checkpoint: Checkpoint) -> float:
    """`spent` of the phases in a checkpoint; one that is damaged counts nothing."""
    histories = []
    for saved in checkpoint.sections.values():
        with suppress(NaspError, LookupError, TypeError):
            sequence(_metrics)(saved["history"], "history")
            histories.append(saved["history"])
    return spent(histories)


@contextmanager
def _written_whatever_happens(checkpoint: Checkpoint) -> Iterator[None]:
    try:
        yield
    finally:
        checkpoint.flush()


@contextmanager
def _told_as_of(name: str, done: int) -> Iterator[None]:
    try:
        yield
    except Diverged as error:
        kept = f"the checkpoint holds epoch {done}" if done else "there is no checkpoint"
        raise Diverged(f"{name} stopped in epoch {done + 1}: {error}; {kept}") from error


def _capture(part: Stateful | torch.Generator) -> Any:
    # A copy: the file may be written epochs later, when the live tensors have moved on.
    if isinstance(part, torch.Generator):
        return part.get_state()
    return copy.deepcopy(part.state_dict())


def _restore(part: Stateful | torch.Generator, saved: Any) -> None:
    # A copy here, too: optimisers take the tensors that they are given, and step on them in place.
    if isinstance(part, torch.Generator):
        part.set_state(saved)
    else:
        part.load_state_dict(copy.deepcopy(saved))
