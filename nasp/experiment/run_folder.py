"""The common parts of all commands: options, exit codes, warnings and the output folder."""

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
from nasp.errors import NaspError, check_known, one_line
from nasp.search.executors import check_executor

CONFIG = "config.yaml"
OURS = {"checkpoint", "checkpoint.pt", "genotype.json", "model.pt", "result.json", "trials"}


@dataclass
class RunOptions:
    """Options of every command that makes a run.

    It stands before the other bases of a command's options: it checks its own, then theirs.

    Attributes:
        seed: Determines all random numbers.
        device: auto, cpu, cuda, cuda:1 or mps.
        output: Folder of the run; null makes a new one in runs/.
        resume: Continue the run in `output`.
        tracking: MLflow's address, or none; null takes MLFLOW_TRACKING_URI or sqlite:///mlflow.db.
        quiet: Show no progress.
        executor: Runs searches, trials and trainings in parallel: serial, processes (one for each
            core), processes:4, ray, or ray:ADDRESS. The result does not depend on it.
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
class ModelOptions:
    """Options of commands that use a trained model.

    Attributes:
        model: The model.pt of a training, or the folder of its run.
    """

    model: Path = Path("model.pt")

    @property
    def model_file(self) -> Path:
        """The model's file; `model` may be the folder of a run."""
        return self.model / "model.pt" if self.model.is_dir() else self.model


@dataclass
class EvaluationOptions(ModelOptions):
    """Options of commands that evaluate a trained model.

    Attributes:
        data: Name or path of the data, as in the training.
        data_dir: Folder that holds data sets; null takes NASP_DATA.
        device: auto, cpu, cuda, cuda:1 or mps.
    """

    data: str = ""
    data_dir: Path | None = None
    device: str = "auto"


@dataclass
class ExportOptions(ModelOptions):
    """Options of commands that export a trained model to other programs.

    Attributes:
        output: The file to write: .onnx, or .pt2 for a torch.export program.
        overwrite: Replace `output` if it exists.
    """

    output: Path = Path("model.onnx")
    overwrite: bool = False

    def __post_init__(self) -> None:
        check_known("suffix of output:", self.output.suffix, (".onnx", ".pt2"))

    def checked_output(self) -> Path:
        """Return the file to write.

        Raises:
            NaspError: Its folder does not exist; or the file exists, and is not to be replaced.
        """
        if not self.output.parent.is_dir():
            raise NaspError(f"{self.output}: there is no folder {self.output.parent}: make it")
        if self.output.exists() and not self.overwrite:
            raise NaspError(f"{self.output} exists: give another --output, or --overwrite true")
        return self.output


class Terminated(KeyboardInterrupt):
    """SIGTERM was received, for example from a scheduler; handled like Ctrl-C."""


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
    """Lock the output folder of a run, so that no other process uses it at the same time.

    After an interruption, `run_command` prints how to resume the run.

    Args:
        options: Its `output` and `resume` are used.
        name: First part of the name of a new folder in runs/, before the time.

    Yields:
        The folder.

    Raises:
        NaspError: The folder cannot be written, is in use, or holds another run or other files.
            Nothing is written in this case.
    """
    if options.output is None and options.resume:
        raise NaspError("--resume needs --output, the folder of the run to continue")
    folder = _new_folder(name) if options.output is None else options.output
    _check_free(folder, options.resume)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock", timeout=0)
        lock.acquire()  # the system releases it if the process is killed
    except Timeout as error:
        raise NaspError(
            f"{folder}: another process uses this folder: wait for it, or give another --output"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: an invalid file name
        reason = getattr(error, "strerror", None) or error
        raise NaspError(
            f"{folder}: cannot write there ({reason}): give another --output"
        ) from error
    try:
        remove_leftovers(folder)
        yield folder
    except KeyboardInterrupt as stop:
        stop.add_note(
            f"the same command with --output {shlex.quote(str(folder))} --resume continues"
        )
        raise
    finally:
        with suppress(OSError):
            remove_leftovers(folder)  # of processes that were killed
        lock.release()
        with suppress(OSError):  # another process may hold it by now
            Path(lock.lock_file).unlink()


def _new_folder(name: str) -> Path:
    """Make and return a new folder in runs/."""
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
                f"{folder} holds a run: --resume continues it; or give another --output"
            )
    elif foreign := sorted(held & OURS):
        raise NaspError(
            f"{folder} holds a {foreign[0]}, but no run: it would be overwritten; give another "
            "--output"
        )
