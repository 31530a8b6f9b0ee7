"""Mutations of valid bytes and of the contents of files."""

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

import torch
from torch import Tensor

PLAIN: list[Any] = [
    *(None, True, False, -1, 0, 1, 2**31, 10**30, 1.5, -0.5, 1e300, "", "x", "10", "ä" * 300),
    *([], {}, [[]], [None], {"x": 1}),
]
"""Values that a JSON file can hold."""
WRONG: list[Any] = [
    *PLAIN,
    *(float("nan"), float("inf"), -float("inf"), b"x", torch.zeros(()), torch.zeros(2, 3)),
    *(torch.zeros(0), torch.full((2,), float("nan")), torch.tensor([2**40]), torch.tensor(True)),
]
"""Values that a file of torch can hold."""


def bytes_of(data: bytes, random: Random, count: int) -> Iterator[tuple[str, bytes]]:
    """Flip a bit, truncate, or remove, double or replace a part of bytes."""
    for number in range(count):
        at, length = random.randrange(len(data)), 1 + random.randrange(64)
        before, run, after = data[:at], data[at : at + length], data[at + length :]
        flipped = bytes([data[at] ^ 1 << random.randrange(8)])
        name, changed = [
            ("a flipped bit", before + flipped + data[at + 1 :]),
            ("a cut", before),
            ("a lost run", before + after),
            ("a doubled run", before + run + run + after),
            ("zeros", before + bytes(len(run)) + after),
            ("noise", before + random.randbytes(len(run)) + after),
        ][number % 6]
        yield f"{name} at {at}", changed


def body_of(body: Any, random: Random, count: int, wrong: list[Any]) -> Iterator[tuple[str, Any]]:
    """Replace a value of a body by a wrong one, remove it, or add one."""
    for number in range(count):
        changed = copy.deepcopy(body)
        places = list(_places(changed))
        path, holder, key = random.choice(places)
        if number % 4 == 3 and isinstance(holder, dict | list):
            del holder[key]
            yield f"without {path}", changed
        elif number % 4 == 2 and isinstance(holder[key], Tensor) and holder[key].numel():
            holder[key], name = _tensor(holder[key], random)
            yield f"{path} {name}", changed
        else:
            value = random.choice(wrong)
            holder[key] = copy.deepcopy(value)
            yield f"{path} = {value!r:.60}", changed


def _places(value: Any, path: str = "body") -> Iterator[tuple[str, Any, Any]]:
    """Yield each place in nested dicts and lists: its name, its container, and its key."""
    keys: Any = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        name = f"{path}[{key!r}]"
        yield name, value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key], name)


def _tensor(value: Tensor, random: Random) -> tuple[Tensor, str]:
    nan = value.double().reshape(-1).clone()
    nan[random.randrange(len(nan))] = float("nan")
    return random.choice(
        [
            (nan.view(value.shape), "with a NaN"),
            (value.double(), "as float64"),
            (value.bool(), "as truth values"),
            (value[..., :-1] if value.dim() else value[None], "of another shape"),
            (-value.double(), "negated"),
        ]
    )
