"""Files of trained models, which hold data and no code."""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from nasp.atomic_io import check_regular, write_atomic
from nasp.errors import NaspError
from nasp.files.digest import KEY, digest_matches, with_digest
from nasp.files.schema import Rule, anything

Model = TypeVar("Model")
# The exceptions that torch raises on damaged files.
DAMAGE = (
    RuntimeError,
    OSError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    ImportError,
    MemoryError,
    pickle.UnpicklingError,
)


@dataclass(frozen=True)
class ModelFormat:
    """A kind of model file.

    Attributes:
        format: Name of the format, stored in the file.
        version: Current version of the format.
        content: Description of the content, for messages.
        noun: `content` in one word.
        schema: Rule for the body.
        oldest: The oldest version that can be read. Version 1 has no digest.
    """

    format: str
    version: int
    content: str
    noun: str
    schema: Rule = anything
    oldest: int | None = None


def write_model(path: Path, kind: ModelFormat, body: Mapping[str, Any]) -> None:
    """Write a model file with the digest of its content, atomically.

    Args:
        path: The file to make or replace.
        kind: Format of the file.
        body: Tensors, numbers, strings, and lists and dicts of them.

    Raises:
        OSError: The file cannot be written; the previous file is unchanged.
    """
    whole = with_digest({"format": kind.format, "version": kind.version, **body})
    write_atomic(path, lambda file: torch.save(whole, file))


def read_model(
    path: Path,
    kind: ModelFormat,
    build: Callable[[dict[str, Any]], Model],
    device: torch.device | str = "cpu",
) -> Model:
    """Read a file that `write_model` wrote, without executing anything in it.

    Args:
        path: The file.
        kind: Required format of the file.
        build: Makes the model from the body that `write_model` was given. Its exceptions are
            reported as a damaged file.
        device: Device of the tensors.

    Raises:
        NaspError: The file is missing or damaged, or has another version or format.
    """
    body = load_plain(path, kind.noun)
    other = NaspError(f"{path}: this file holds no {kind.content}: give another")
    if not isinstance(body, dict):
        raise other
    version, oldest = body.get("version"), kind.oldest or kind.version
    named = body.get("format")
    if type(named) is not str or named != kind.format:
        raise other
    if type(version) is not int or not oldest <= version <= kind.version:
        raise NaspError(
            f"{path}: {kind.noun} version {version}, but this program reads version "
            f"{kind.version}: install the release that wrote it"
        )
    try:
        if not digest_matches(body, required=version > 1):
            raise ValueError("its digest differs")
        rest = {key: body[key] for key in body if key not in ("format", "version", KEY)}
        try:
            kind.schema(rest, "")
        except NaspError as error:
            raise NaspError(f"{path}: the {kind.noun} file is damaged: {error}") from error
        return build(_moved(rest, torch.device(device)))
    except NaspError:
        raise
    except DAMAGE as error:
        raise NaspError(f"{path}: the {kind.noun} file is damaged: give another") from error


def format_of(path: Path) -> str:
    """Return the format of a model file, the empty text if it names none.

    Raises:
        NaspError: The file is missing, not a regular file, or damaged.
    """
    body = load_plain(path, "model", mapped=True)  # its tensors are not read
    found = body.get("format") if isinstance(body, dict) else None
    return found if type(found) is str else ""


def load_plain(path: Path, noun: str, *, mapped: bool = False) -> Any:
    """Read a file that `torch.save` wrote, to the CPU, without executing anything in it.

    Args:
        path: The file.
        noun: What the file should be, for messages.
        mapped: Whether tensors are read from the file only when they are used.

    Raises:
        NaspError: The file is missing, not a regular file, or damaged.
    """
    check_regular(path, f"{noun} file")
    try:
        if mapped:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        with path.open("rb") as file:
            return torch.load(file, map_location="cpu", weights_only=True)
    except PermissionError as error:
        raise NaspError(f"{path}: cannot read the {noun} file ({error.strerror})") from error
    except DAMAGE as error:
        raise NaspError(f"{path}: not a {noun} file, or damaged: give another") from error


def load_state(
    network: nn.Module, state: Mapping[str, Tensor], source: Path | str, *, assign: bool = False
) -> None:
    """Load a state from a file into a network.

    Args:
        network: A network of the same architecture.
        state: Tensors by name.
        source: The file, for messages.
        assign: See `torch.nn.Module.load_state_dict`.

    Raises:
        NaspError: A tensor is missing, unknown, or of another shape or type.
    """
    own = network.state_dict()
    for name in sorted(own.keys() | state.keys()):
        if name not in own or name not in state:
            what = "missing" if name in own else "unknown"
            raise NaspError(f"{source}: {name} is {what} in the network's state")
        wanted, found = own[name], state[name]
        for what in ("shape", "dtype"):
            if getattr(found, what) != getattr(wanted, what):
                raise NaspError(
                    f"{source}: {name} must have the {what} {getattr(wanted, what)}, "
                    f"not {getattr(found, what)}"
                )
    network.load_state_dict(state, assign=assign)


def _moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: _moved(part, device) for key, part in value.items()}
    return [_moved(part, device) for part in value] if isinstance(value, list | tuple) else value
