"""A digest of what a file holds, written with it: a changed bit does not go unseen."""

import hashlib
import struct
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

KEY = "digest"


def digest(value: Any) -> str:
    """The SHA-256 of a value, in hexadecimal.

    It is the same whatever the order of keys, the strides and the device of tensors, and whether a
    sequence is a list or a tuple, so that it survives JSON and `torch.save`.

    Args:
        value: None, truth values, numbers, strings, bytes, tensors, and lists, tuples and dicts of
            them.

    Raises:
        TypeError: It holds something else.
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
            flat = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            add("data", flat.numpy().data)
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
    """The body with its digest as one more entry."""
    return {**body, KEY: digest(body)}


def digest_matches(body: Mapping[str, Any], *, required: bool = True) -> bool:
    """Whether a body that was read is what `with_digest` made.

    Args:
        body: All that the file holds.
        required: Whether a body without a digest is refused, too.

    Raises:
        TypeError: It holds what no file of this project does.
    """
    rest = {key: value for key, value in body.items() if key != KEY}
    return digest(rest) == body[KEY] if KEY in body else not required
