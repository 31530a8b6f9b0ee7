"""A reader of the pickled dictionaries of CIFAR's python archive that unpickles nothing.

A pickle is a program that can call any function. This reader only lists the opcodes, and
interprets the few that such a file needs: strings, numbers, lists, tuples, dictionaries, and NumPy
arrays of bytes. It refuses all others.
"""

import pickletools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nasp.errors import NaspError

# The globals that a file may name, and their stand-ins here. None is imported or called.
RECONSTRUCT, NDARRAY, DTYPE, ENCODE = "reconstruct", "ndarray", "dtype", "encode"
NAMES = {
    "numpy.core.multiarray _reconstruct": RECONSTRUCT,
    "numpy._core.multiarray _reconstruct": RECONSTRUCT,
    "numpy ndarray": NDARRAY,
    "numpy dtype": DTYPE,
    "_codecs encode": ENCODE,  # how Python 3 writes bytes for Python 2
}
STRINGS = {"SHORT_BINSTRING", "BINSTRING", "BINUNICODE"}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
NUMBERS = {"BININT", "BININT1", "BININT2"}
EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(frozen=True)
class _Named:
    name: str


@dataclass
class _Array:
    """A NumPy array, or a dtype, which is made empty and then gets its content."""

    kind: str
    value: np.ndarray | None = None


_MARK = object()


def read_pickled(data: bytes, place: str) -> dict[str, Any]:
    """Return the dictionary that a file of CIFAR's python archive holds.

    Args:
        data: The file's content, a pickle of protocol 2 written by Python 2 or 3.
        place: The file's name, for messages.

    Returns:
        The dictionary. Bytes become strings (Latin-1); arrays are `uint8`.

    Raises:
        NaspError: The file is damaged, or holds other types.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pickletools warns about texts that are refused below
            result = _Machine().run(data)
        if isinstance(result, dict):
            return {k: v.value if isinstance(v, _Array) else v for k, v in result.items()}
        reason = "it is not a dictionary"
    except (ValueError, TypeError, IndexError, KeyError, StopIteration) as error:
        reason = str(error.args[0]) if isinstance(error, NaspError) else "it is cut off or damaged"
    raise NaspError(
        f"{place} is not a file of CIFAR's python archive: {reason}; download the archive again"
    )


class _Machine:
    """The stack and memo of an unpickler, with stand-ins for all globals."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name == "STOP":
                break
            self.step(opcode.name, argument)
        return self.stack.pop()

    def step(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in STRINGS or name in NUMBERS:
            stack.append(argument)
        elif name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name in EMPTY:
            stack.append(EMPTY[name]())
        elif name in TUPLES:
            count = TUPLES[name]
            stack[-count:] = [tuple(stack[-count:])]
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "TUPLE":
            stack.append(tuple(self.since_mark()))
        elif name in ("APPEND", "APPENDS"):
            items = [stack.pop()] if name == "APPEND" else self.since_mark()
            _a(list, stack[-1]).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = [stack.pop(-2), stack.pop()] if name == "SETITEM" else self.since_mark()
            keys = [_a(str, key) for key in items[::2]]
            _a(dict, stack[-1]).update(zip(keys, items[1::2], strict=True))
        elif name == "GLOBAL":
            if argument not in NAMES:
                raise NaspError(f"it names {argument.replace(' ', '.')}, which is not allowed")
            stack.append(_Named(NAMES[argument]))
        elif name == "REDUCE":
            arguments = _a(tuple, stack.pop())
            stack.append(_made(_a(_Named, stack.pop()).name, arguments))
        elif name == "BUILD":
            state = _a(tuple, stack.pop())
            _fill(_a(_Array, stack[-1]), state)
        elif name != "PROTO":
            raise NaspError(f"it uses the opcode {name}")

    def since_mark(self) -> list[Any]:
        start = next(i for i in reversed(range(len(self.stack))) if self.stack[i] is _MARK)
        items = self.stack[start + 1 :]
        del self.stack[start:]
        return items


def _a(kind: type, value: Any) -> Any:
    """Return `value` if it has this type, else raise."""
    if not isinstance(value, kind):
        raise TypeError
    return value


def _made(name: str, arguments: tuple[Any, ...]) -> Any:
    """Return the stand-in for the result of a call."""
    if name == RECONSTRUCT and arguments[0] == _Named(NDARRAY):
        return _Array(NDARRAY)
    if name == DTYPE:
        if arguments[0] not in ("u1", "|u1"):
            raise NaspError("it holds an array that is not of bytes")
        return _Array(DTYPE)
    if name == ENCODE and arguments[1:] == ("latin1",):
        return _a(str, arguments[0])
    raise NaspError(f"it calls {name} in an unexpected way")


def _fill(array: _Array, state: tuple[Any, ...]) -> None:
    """Set the content of an array; a dtype must be `uint8`."""
    if array.kind == DTYPE:
        return
    _, shape, kind, fortran, content = state
    if not isinstance(kind, _Array) or kind.kind != DTYPE:
        raise TypeError
    values = np.frombuffer(_a(str, content).encode("latin-1"), np.uint8)
    array.value = values.reshape(shape, order="F" if fortran else "C")
