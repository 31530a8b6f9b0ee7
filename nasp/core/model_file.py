"""A trained model in one file, which no code comes out of."""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from nasp.core.errors import NaspError
from nasp.core.files import write_atomic

Model = TypeVar("Model")
# What torch raises on damaged files, depending on where the damage is.
DAMAGE = (
    RuntimeError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    pickle.UnpicklingError,
)


@dataclass(frozen=True)
class Kind:
    """A kind of model file.

    Attributes:
        format: Tells the kind from all others, in the file.
        version: Of what the file holds; a program reads its own.
        content: What the file holds, in messages.
        noun: `content` in one word.
    """

    format: str
    version: int
    content: str
    noun: str


def write(path: Path, kind: Kind, body: Mapping[str, Any]) -> None:
    """Write a model file, atomically.

    Args:
        path: The file to make or replace.
        kind: Goes into the file.
        body: Tensors, numbers, strings, and lists and dicts of them.

    Raises:
        OSError: The file cannot be written; the one before it is still whole.
    """
    whole = {"format": kind.format, "version": kind.version, **body}
    write_atomic(path, lambda file: torch.save(whole, file))


def read(
    path: Path,
    kind: Kind,
    build: Callable[[dict[str, Any]], Model],
    device: torch.device | str = "cpu",
) -> Model:
    """Read what `write` wrote; nothing in the file can run.

    Args:
        path: The file.
        kind: What it must hold.
        build: Makes the model of the body; what it raises on a wrong one is taken for damage.
        device: Where the tensors go.

    Raises:
        NaspError: The file is missing, damaged, of another version or of something else.
    """
    try:
        body = torch.load(path, map_location=device, weights_only=True)
    except OSError as error:
        raise NaspError(f"{path}: cannot read the {kind.noun} file ({error.strerror})") from error
    except DAMAGE as error:
        raise NaspError(f"{path}: not a {kind.noun} file, or damaged: give another") from error
    if not isinstance(body, dict) or body.get("format") != kind.format:
        raise NaspError(f"{path}: this file holds no {kind.content}, but something else")
    if body.get("version") != kind.version:
        raise NaspError(
            f"{path}: {kind.noun} version {body.get('version')}, but this program reads version "
            f"{kind.version}: install the release that wrote it"
        )
    try:
        return build(body)
    except NaspError:
        raise
    except DAMAGE as error:
        raise NaspError(f"{path}: the {kind.noun} file is damaged: give another") from error
