"""Runs commands in processes that are forked after their imports, which take seconds otherwise."""

import multiprocessing
import os
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from tests.conftest import save_nothing
from tests.killing import Killing

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["torch", "matplotlib.figure", "sif.commands", "nasp.cnn.commands", "nasp.rnn.commands"]
)


def run_forked(
    module: str, arguments: Sequence[str], errors: Path, killing: Killing | None = None
) -> int:
    """Run a command in a new process, and return its exit code; -9 if it was killed.

    Args:
        module: The command, for example `sif.search`.
        arguments: Its arguments.
        errors: File for its standard error.
        killing: The moment at which it is killed.
    """
    variables = {} if killing is None else killing.variables
    process = FORKS.Process(target=_run, args=(module, list(arguments), errors, variables))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _run(module: str, arguments: list[str], errors: Path, variables: dict[str, str]) -> None:
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), sys.stderr.fileno())
    os.environ.update(variables)
    if variables:
        import tests.killing.sitecustomize  # noqa: F401, it reads the variables
    Figure.savefig = save_nothing  # type: ignore[assignment]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__")
