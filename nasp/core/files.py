"""Atomic writes: a reader, or a killed process, never sees half a file."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def write_atomic(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write `path` through a temporary file in the same folder, then rename it.

    Args:
        path: The file to make or replace; its folder must exist.
        write: Called with the open temporary file.

    Raises:
        OSError: The folder is missing or not writable, or the disk is full; `path` is as it was.
    """
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically; raises like `write_atomic`."""
    write_atomic(path, lambda file: file.write(text.encode()))
