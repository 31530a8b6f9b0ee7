"""The exceptions of the toolkit, and what a command says of any error."""

import errno
import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches

LONGEST = 800  # characters that a person still reads
LESS_MEMORY = (
    "lower --batch_size, or the size of the network (embedding_dim, channels, layers or nhid)"
)
REMEDIES = {
    errno.ENOSPC: "make room; the same command with --resume goes on",
    errno.EDQUOT: "make room; the same command with --resume goes on",
    errno.EMFILE: "too many files are open: raise the limit of open files (ulimit -n)",
    errno.ENFILE: "too many files are open: close other programs",
    errno.ENOMEM: LESS_MEMORY,
}


class NaspError(ValueError):
    """A mistake in what the user gave: the message says what is wrong, where, and what to do."""


class Diverged(NaspError):
    """A training whose numbers are no longer finite. Where there are several, the others go on.

    Args:
        message: Where it happened, what was not finite, and what to do.
        reason: The same without the place; the message if it names none.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` for the valid name closest to `name`, or nothing."""
    close = get_close_matches(name, list(valid), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def check_known(what: str, value: str, names: Collection[str]) -> None:
    """Check that a value is a known name.

    Args:
        what: What it is the name of.
        value: What was given.
        names: Those that there are.

    Raises:
        NaspError: It is none of them; the message has the nearest.
    """
    if value not in names:
        raise NaspError(
            f"unknown {what} {value!r}{nearest(value, names)}; there are {', '.join(names)}"
        )


def one_line(error: BaseException) -> str | None:
    """What to tell a user; None if it is a fault of the program, whose traceback is needed."""
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
    """A text without the user and the password of the addresses in it."""
    text = re.sub(r"(\w+://)[^/\s]*@", r"\1", text)  # to the last @: a password may hold one
    return re.sub(r"(?i)([?&](?:password|passwd|token|secret)=)[^&\s'\"]+", r"\1…", text)
