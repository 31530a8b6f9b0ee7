"""The exceptions of the toolkit, and the one-line messages of all errors."""

import errno
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

LONGEST = 800  # characters of a message
LESS_MEMORY = (
    "lower --batch_size, or the size of the network (embedding_dim, channels, layers or nhid)"
)
REMEDIES = {
    errno.ENOSPC: "make room; the same command with --resume continues",
    errno.EDQUOT: "make room; the same command with --resume continues",
    errno.EMFILE: "too many files are open: raise the limit of open files (ulimit -n)",
    errno.ENFILE: "too many files are open: close other programs",
    errno.ENOMEM: LESS_MEMORY,
}


class NaspError(ValueError):
    """A user's mistake. The message says what is wrong, where, and what to do."""


class Diverged(NaspError):
    """A training whose loss or parameters are not finite. Other trainings of the run continue.

    Args:
        message: Which training diverged, what was not finite, and what to do.
        reason: The message without the training's name; `message` if empty.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` for the valid name closest to `name`, or nothing."""
    close = get_close_matches(name, list(valid), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def check_known(what: str, value: str, names: Collection[str]) -> None:
    """Check that a name is one of the valid names.

    Args:
        what: What the name stands for, for messages.
        value: The name to check.
        names: The valid names.

    Raises:
        NaspError: The name is not valid; the message suggests the nearest valid name.
    """
    if value not in names:
        raise NaspError(
            f"unknown {what} {value!r}{nearest(value, names)}; there are {', '.join(names)}"
        )


def one_line(error: BaseException) -> str | None:
    """Return the message for a user, or None for a bug, whose traceback should be shown."""
    text = without_password(" ".join(str(error).split()))
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    if isinstance(error, NaspError):
        return text
    if isinstance(error, OSError):
        remedy = REMEDIES.get(error.errno or 0)
        return text if remedy is None else f"{text}: {remedy}"
    if isinstance(error, MemoryError):
        return f"out of memory: {LESS_MEMORY}"
    if type(error).__name__ == "OutOfMemoryError":  # torch's; not imported for its name alone
        return f"{text.split('. ')[0]}: {LESS_MEMORY}"
    if isinstance(error, RuntimeError) and "can't allocate memory" in text:
        return f"out of memory: {LESS_MEMORY}"
    return None


def without_password(text: str) -> str:
    """Remove user names and passwords from all URLs in a text."""
    text = re.sub(r"(\w+://)[^/\s]*@", r"\1", text)  # up to the last @: a password may contain one
    return re.sub(r"(?i)([?&](?:password|passwd|token|secret)=)[^&\s'\"]+", r"\1…", text)


@contextmanager
def damage_named(path: Path, *exceptions: type[Exception]) -> Iterator[None]:
    """Turn exceptions of a library that reads a file into an error of the user.

    Args:
        path: The file.
        exceptions: Exceptions that the library raises for a damaged file.

    Raises:
        NaspError: One of the exceptions was raised; the message names the file.
    """
    try:
        yield
    except NaspError:
        raise
    except exceptions as error:
        reason = f"{str(error).splitlines()[0]:.200}" if str(error) else type(error).__name__
        raise NaspError(f"{path} is damaged or unreadable ({reason}): get it again") from error
