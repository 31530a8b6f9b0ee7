"""A digest of a file's content, stored in the file, which detects any change to it."""

import hashlib
import struct
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

KEY = "digest"


def digest(value: Any) -> str:
    """Return the SHA-256 of a value, in hexadecimal.

    It does not depend on the order of keys, on the strides and devices of tensors, or on whether a
    sequence is a list or a tuple. So it survives JSON and `torch.save`.

    Args:
        value: None, truth values, numbers, strings, bytes, tensors, and lists, tuples and dicts of
            them.

    Raises:
        TypeError: The value holds another type.
    """
    hashed = hashlib.sha256()

    def add(kind: str, content: bytes | memoryview) -> None:
        hashed.update(f"{kind}{len(content)}:".encode())
        hashed.update(content)

    def walk(value: Any) -> None:
        if value is None or isinstance(value, bool | int):
            add("int" if type(value) is int else "constant", str(value).encode())
        elif isinstance(value, float):
            add("float", struct.pack("<d", value))
        elif isinstance(value, str):
            add("text", value.encode("utf-8", "surrogatepass"))
        elif isinstance(value, bytes):
            add("bytes", value)
        elif isinstance(value, Tensor):
            add("tensor", f"{value.dtype}{tuple(value.shape)}".encode())
            # An empty tensor may have strides that no view allows.
            flat = value.detach().cpu().contiguous().reshape(-1)
            add("data", flat.view(torch.uint8).numpy().data if len(flat) else b"")
        elif isinstance(value, list | tuple):
            add("sequence", str(len(value)).encode())
            for part in value:
                walk(part)
        elif isinstance(value, Mapping):
            add("mapping", str(len(value)).encode())
            for key in sorted(value, key=lambda key: (type(key).__name__, key)):
                walk(key)
                walk(value[key])
        else:
            raise TypeError(f"a file of this project holds no {type(value).__name__}")

    walk(value)
    return hashed.hexdigest()


def with_digest(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body with its digest added as an entry."""
    return {**body, KEY: digest(body)}


def digest_matches(body: Mapping[str, Any], *, required: bool = True) -> bool:
    """Whether a body is unchanged since `with_digest` added its digest.

    Args:
        body: The whole content of the file.
        required: Whether a body without a digest counts as changed.

    Raises:
        TypeError: The body holds a type that no file of this project holds.
    """
    rest = {key: value for key, value in body.items() if key != KEY}
    return digest(rest) == body[KEY] if KEY in body else not required
