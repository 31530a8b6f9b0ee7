"""The epoch loop of all searches and stand-alone trainings."""

import copy
import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch

from nasp.errors import Diverged, NaspError
from nasp.files.schema import anything, integer, like, mapping, section, sequence, text
from nasp.metric import Metric, Metrics
from nasp.runs.checkpoint import Checkpoint
from nasp.runs.context import RunContext
from nasp.runs.model_file import DAMAGE

SECONDS = "time/seconds"


def _metrics(value: Any, name: str) -> None:
    mapping(anything)(value, name)
    if SECONDS not in value or not all(type(part) in (int, float) for part in value.values()):
        raise NaspError(f"{name} must be numbers, the seconds among them")


SECTION = section(
    {
        "history": sequence(_metrics),
        "best_epoch": integer(-1),
        "best": anything,
        "architecture": text,
        "state": mapping(anything),
    }
)


class Stateful(Protocol):
    """An object with a state for the checkpoint: a module, optimiser, schedule or strategy."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any], /) -> Any: ...


@dataclass
class PhaseResult:
    """The outcome of a phase.

    Attributes:
        history: Metrics of each epoch; `time/seconds` counts from the start of the phase.
        best_epoch: Position of the selected epoch; -1 before any is selected.
        best: The snapshot of the selected epoch.
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
    monitor: Metric,
    snapshot: Callable[[], Any],
    run: RunContext,
    keep: Collection[str] = (),
    first: int = 0,
    answer: Literal["best", "last"] = "best",
    patience: int | None = None,
    max_seconds: float | None = None,
) -> PhaseResult:
    """Run epochs until their number, the patience or the time limit is reached.

    A phase with a section in the checkpoint continues from there and ends as if it had never
    stopped, unless the section is of another `run.architecture`. A phase that had ended returns at
    once, unless `epochs` has grown, and neither patience nor time limit is reached: then it
    continues. If the phase is stopped in any way, the checkpoint's file holds the last complete
    epoch.

    Args:
        name: Name of the phase, unique in the run.
        epoch: Runs the epoch at a position and returns its metrics.
        epochs: Maximum number of epochs.
        state: All objects that an epoch changes and the next epoch depends on.
        monitor: The metric that selects the best epoch; `epoch` must return it.
        snapshot: Returns what to keep of the best epoch: tensors, numbers, strings, lists, dicts.
        run: Checkpoint, progress and log.
        keep: The parts of `state` that the checkpoint keeps after the phase has ended, if it has a
            `run.architecture`. Other phases can be prolonged, so all of their state is kept.
        first: The first epoch that can be selected; the epochs before are a warm-up.
        answer: Selects the `best` epoch by `monitor`, or the `last` one.
        patience: Number of epochs without improvement after which to stop; None for no limit.
        max_seconds: Seconds after which no epoch starts, once one can be selected; None for no
            limit.

    Raises:
        Diverged: `epoch` raised it, or a metric is not finite.
        NaspError: The checkpoint is not of this phase.
    """

    def ended(outcome: PhaseResult) -> bool:
        history, best = outcome.history, outcome.best_epoch
        return (
            len(history) >= epochs
            or (patience is not None and best >= 0 and len(history) - 1 - best >= patience)
            or (max_seconds is not None and best >= 0 and history[-1][SECONDS] >= max_seconds)
        )

    def kept(done: bool) -> Collection[str]:
        return keep if done and run.architecture else state.keys()

    outcome = _resumed(name, run, state, snapshot, first, lambda found: kept(ended(found)))
    done, history = ended(outcome), outcome.history
    for position, metrics in enumerate(history):
        run.log(metrics, position)
    before = history[-1][SECONDS] if history else 0.0
    start = time.perf_counter()
    with (
        _flush_at_end(run.checkpoint),
        run.progress.phase(name, total=epochs, start=len(history)) as phase,
    ):
        while not done:
            with _name_the_phase(name, len(history)):
                metrics = epoch(len(history))
                for key in (monitor.name, *metrics):
                    if not math.isfinite(metrics[key]):
                        raise Diverged(f"{key} is {metrics[key]}: lower the learning rate")
            metrics[SECONDS] = before + time.perf_counter() - start
            history.append(metrics)
            if len(history) > first and (
                outcome.best_epoch < 0
                or answer == "last"
                or monitor.better(metrics[monitor.name], history[outcome.best_epoch][monitor.name])
            ):
                outcome.best_epoch, outcome.best = len(history) - 1, snapshot()
            done = ended(outcome)
            run.checkpoint.put(
                name,
                {
                    "history": list(history),
                    "best_epoch": outcome.best_epoch,
                    "best": outcome.best,
                    "architecture": run.architecture,
                    "state": {key: _capture(state[key]) for key in kept(done)},
                },
                now=done,
            )
            run.log(metrics, len(history) - 1)
            phase.advance(metrics)
    return outcome


def _resumed(
    name: str,
    run: RunContext,
    state: Mapping[str, Stateful | torch.Generator],
    snapshot: Callable[[], Any],
    first: int,
    kept: Callable[[PhaseResult], Collection[str]],
) -> PhaseResult:
    """Read a phase's section of the checkpoint, if there is one, and restore its state.

    Args:
        name: See `run_epochs`, also for the following.
        run: Its checkpoint has the section.
        state: Gets the saved state.
        snapshot: Makes an example of what is kept of the best epoch.
        first: The first epoch that can be selected.
        kept: Returns the names of the parts of the state that the section must have.

    Raises:
        NaspError: The section is not of such a phase.
    """
    saved: Any = run.checkpoint.get(name)
    if saved is None:
        return PhaseResult([])
    try:
        SECTION(saved, "")
        if (
            not (-1 if len(saved["history"]) <= first else 0)
            <= saved["best_epoch"]
            < len(saved["history"])
        ):
            raise ValueError("the best epoch is not in the history")
        if saved["architecture"] != run.architecture:
            return PhaseResult([])
        outcome = PhaseResult(list(saved["history"]), saved["best_epoch"], saved["best"])
        if saved["state"].keys() != set(kept(outcome)):
            raise KeyError("a part of the state is missing")
        if saved["best_epoch"] >= 0:
            like(snapshot())(saved["best"], "best")  # before any state is restored
        for key, part in saved["state"].items():
            _restore(state[key], part)
    except DAMAGE as error:
        raise NaspError(
            f"{run.checkpoint.place(name)} is not of this phase ({error}): remove it to "
            "repeat the phase"
        ) from error
    return outcome


def total_seconds(histories: Iterable[Sequence[Metrics]]) -> float:
    """Return the wall time of phases in seconds, summed over restarts of their run."""
    return sum(history[-1].get(SECONDS, 0.0) for history in histories if history)


def seconds_before(checkpoint: Checkpoint) -> float:
    """Return `total_seconds` of the phases in a checkpoint; damaged sections are ignored."""
    histories = []
    for saved in checkpoint.sections.values():
        with suppress(NaspError, LookupError, TypeError):
            sequence(_metrics)(saved["history"], "history")
            histories.append(saved["history"])
    return total_seconds(histories)


@contextmanager
def _flush_at_end(checkpoint: Checkpoint) -> Iterator[None]:
    try:
        yield
    finally:
        checkpoint.flush()


@contextmanager
def _name_the_phase(name: str, done: int) -> Iterator[None]:
    try:
        yield
    except Diverged as error:
        kept = f"the checkpoint holds epoch {done}" if done else "there is no checkpoint"
        message = f"{name} stopped in epoch {done + 1}: {error}; {kept}"
        raise Diverged(message, error.reason) from error


def _capture(part: Stateful | torch.Generator) -> Any:
    # A copy, because the file may be written epochs later, when the tensors have changed.
    if isinstance(part, torch.Generator):
        return part.get_state()
    return copy.deepcopy(part.state_dict())


def _restore(part: Stateful | torch.Generator, saved: Any) -> None:
    # A copy, because optimisers keep the tensors that they load and change them in place.
    if isinstance(part, torch.Generator):
        part.set_state(saved)
    else:
        part.load_state_dict(copy.deepcopy(saved))
