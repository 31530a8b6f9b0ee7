"""What every command shares: its exits, its warnings and its output folder."""

import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from nasp.core.errors import NaspError
from nasp.core.files import remove_leftovers


@dataclass
class RunOptions:
    """Where and how a command runs.

    Attributes:
        seed: Fixes everything that is drawn at random.
        device: auto, cpu, cuda, cuda:1 or mps.
        output: Folder of the run; a new one in runs/ if null.
        resume: Go on with the run in `output`.
        tracking: MLflow's address, or none; MLFLOW_TRACKING_URI or sqlite:///mlflow.db if null.
        quiet: Show no progress.
    """

    seed: int = 1
    device: str = "auto"
    output: Path | None = None
    resume: bool = False
    tracking: str | None = None
    quiet: bool = False


def run_command(main: Callable[[Sequence[str] | None], None]) -> NoReturn:
    """Run a command: 0 on success, 2 and one line for a user's mistake, 130 if interrupted."""
    warnings.showwarning = lambda message, *_: print(f"warning: {message}", file=sys.stderr)
    try:
        main(None)
    except (NaspError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # torch's; not imported for its name alone
            raise
        reason = str(error).split(". ")[0]
        print(
            f"error: {reason}: lower --batch_size, or the size of the network "
            "(embedding_dim, channels, layers or nhid)",
            file=sys.stderr,
        )
        sys.exit(2)
    except KeyboardInterrupt:
        print("\ninterrupted: the same command with --resume goes on", file=sys.stderr)
        sys.exit(130)
    sys.exit(0)


def prepare_output(options: RunOptions, name: str) -> Path:
    """Make the output folder, see that a run can be written there, and clear what one left half.

    Args:
        options: `output` and `resume`.
        name: What a new folder in runs/ is called after, with the time.

    Raises:
        NaspError: The folder cannot be written, or holds another run.
    """
    if options.output is None:
        if options.resume:
            raise NaspError("--resume needs --output, the folder of the run to go on with")
        folder = Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    else:
        folder = options.output
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise NaspError(
            f"{folder}: cannot write there ({error.strerror}): give another --output"
        ) from error
    if not options.resume and (folder / "config.yaml").exists():
        raise NaspError(f"{folder} holds a run: --resume goes on with it; or give another --output")
    remove_leftovers(folder)
    return folder
