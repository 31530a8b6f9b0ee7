"""Atomic writes: a file is either the old one or the new one, even if the process is killed."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from nasp.errors import NaspError


def write_atomic(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write `path` through a temporary file in the same folder, then rename it.

    Args:
        path: The file to make or replace; its folder must exist.
        write: Called with the open temporary file.

    Raises:
        OSError: The folder is missing or not writable, or the disk is full; `path` is unchanged.
    """
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:8]}.tmp")
    try:
        with temporary.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except RuntimeError as error:
        if "inline_container" not in str(error):
            raise
        # torch's writer does not report which system error occurred.
        text = f"{os.strerror(errno.ENOSPC)}, or the file cannot be written"
        raise OSError(errno.ENOSPC, text, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of killed writes from a folder and its subfolders.

    No other process may be writing there.
    """
    for pattern in (".*.????????.tmp", "*/.*.????????.tmp"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically; raises like `write_atomic`."""
    write_atomic(path, lambda file: file.write(text.encode()))


def check_regular(path: Path, noun: str) -> None:
    """Check that a path is a regular file. Reading a named pipe or a device could block for ever.

    Args:
        path: The file that will be read.
        noun: What the file should be, for messages.

    Raises:
        NaspError: The file is missing or is not a regular file.
    """
    try:
        if path.is_file():
            return
        found = (
            "is a folder" if path.is_dir() else "is not a regular file" if path.exists() else None
        )
    except (OSError, ValueError) as error:  # a parent is not a folder, or the name is invalid
        raise NaspError(f"{path}: cannot read the {noun} ({error})") from error
    if found is None:
        raise NaspError(f"{path}: cannot read the {noun} ({os.strerror(errno.ENOENT)})")
    raise NaspError(f"{path} {found}: give the {noun} itself")
