"""What every command shares: its exits, its warnings and its output folder."""

import shlex
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import NoReturn

from filelock import FileLock, Timeout

from nasp.atomic_io import remove_leftovers
from nasp.errors import NaspError, one_line
from nasp.search.executors import check_executor

CONFIG = "config.yaml"
OURS = {"checkpoint", "checkpoint.pt", "genotype.json", "model.pt", "result.json", "trials"}


@dataclass
class RunOptions:
    """Where and how a command runs.

    It stands before the other bases of a command's options: it checks its own, then theirs.

    Attributes:
        seed: Fixes everything that is drawn at random.
        device: auto, cpu, cuda, cuda:1 or mps.
        output: Folder of the run; a new one in runs/ if null.
        resume: Go on with the run in `output`.
        tracking: MLflow's address, or none; MLFLOW_TRACKING_URI or sqlite:///mlflow.db if null.
        quiet: Show no progress.
        executor: What runs searches, trials and trainings side by side: serial, processes (one a
            core), processes:4, ray, or ray:ADDRESS; the result does not depend on it.
    """

    seed: int = 1
    device: str = "auto"
    output: Path | None = None
    resume: bool = False
    tracking: str | None = None
    quiet: bool = False
    executor: str = "serial"

    def __post_init__(self) -> None:
        check_executor(self.executor)
        others = getattr(super(), "__post_init__", None)
        if others is not None:
            others()


@dataclass
class EvaluationOptions:
    """What is evaluated, on what, and where.

    Attributes:
        model: The model.pt of a training, or the folder of its run.
        data: As in training.
        data_dir: Folder that holds data sets; NASP_DATA if null.
        device: auto, cpu, cuda, cuda:1 or mps.
    """

    model: Path = Path("model.pt")
    data: str = ""
    data_dir: Path | None = None
    device: str = "auto"

    @property
    def model_file(self) -> Path:
        """The model's file, if the folder of a run is given."""
        return self.model / "model.pt" if self.model.is_dir() else self.model


class Terminated(KeyboardInterrupt):
    """The process was asked to end, by a scheduler for example: it ends as after Ctrl-C."""


def run_command(main: Callable[[Sequence[str] | None], None]) -> NoReturn:
    """Run a command and exit.

    The exit code is 0 on success, 2 after one line for a user's mistake, 130 after Ctrl-C and 143
    after SIGTERM.
    """
    warnings.showwarning = lambda message, *_: print(f"warning: {message}", file=sys.stderr)
    try:
        signal.signal(signal.SIGTERM, _terminate)
        main(None)
    except KeyboardInterrupt as stop:
        how = "; ".join(getattr(stop, "__notes__", ("before any work",)))
        print(f"\ninterrupted: {how}", file=sys.stderr)
        sys.exit(143 if isinstance(stop, Terminated) else 130)
    except Exception as error:
        line = one_line(error)
        if line is None:
            raise
        print(f"error: {line}", file=sys.stderr)
        sys.exit(2)
    sys.exit(0)


def _terminate(number: int, frame: object) -> NoReturn:
    raise Terminated


@contextmanager
def claim_output(options: RunOptions, name: str) -> Iterator[Path]:
    """Hold the output folder of a run: no other process works in it at the same time.

    An interruption is told how the run goes on, see `run_command`.

    Args:
        options: `output` and `resume`.
        name: What a new folder in runs/ is called after, with the time.

    Yields:
        The folder.

    Raises:
        NaspError: The folder cannot be written, is in use, or holds another run or somebody's
            files. Nothing was written then.
    """
    if options.output is None and options.resume:
        raise NaspError("--resume needs --output, the folder of the run to go on with")
    folder = _new_folder(name) if options.output is None else options.output
    _check_free(folder, options.resume)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock", timeout=0)
        lock.acquire()  # let go of by the system, too, however the process ends
    except Timeout as error:
        raise NaspError(
            f"{folder}: another process is at work there: wait for it, or give another --output"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: no name of a file
        reason = getattr(error, "strerror", None) or error
        raise NaspError(
            f"{folder}: cannot write there ({reason}): give another --output"
        ) from error
    try:
        remove_leftovers(folder)
        yield folder
    except KeyboardInterrupt as stop:
        stop.add_note(f"the same command with --output {shlex.quote(str(folder))} --resume goes on")
        raise
    finally:
        with suppress(OSError):
            remove_leftovers(folder)  # of processes that were killed
        lock.release()
        with suppress(OSError):  # somebody else may hold it by now
            Path(lock.lock_file).unlink()


def _new_folder(name: str) -> Path:
    """A folder in runs/ that is not there yet."""
    stem = f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    for number in count(1):
        folder = Path("runs") / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise NaspError(
                f"{folder}: cannot write there ({error.strerror}): give another --output"
            ) from error
        break
    return folder


def _check_free(folder: Path, resume: bool) -> None:
    try:
        held = {path.name for path in folder.iterdir()} if folder.exists() else set()
    except OSError as error:
        raise NaspError(
            f"{folder}: cannot write there ({error.strerror}): give another --output"
        ) from error
    if CONFIG in held:
        if not resume:
            raise NaspError(
                f"{folder} holds a run: --resume goes on with it; or give another --output"
            )
    elif foreign := sorted(held & OURS):
        raise NaspError(
            f"{folder} holds a {foreign[0]}, but no run: it would be overwritten; give another "
            "--output"
        )
