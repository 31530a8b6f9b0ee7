"""The device of a command."""

import torch

from nasp.errors import NaspError


def resolve_device(name: str) -> torch.device:
    """Return the device of `--device`; `auto` is a GPU if there is one that can train.

    Raises:
        NaspError: The name is unknown, or there is no such device.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if _mps_is_of_use() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise NaspError(f"unknown device {name!r}: auto, cpu, cuda, cuda:1 or mps") from error
    count = {
        "cpu": 1,
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
    }.get(device.type, 0)
    if (device.index or 0) >= count:
        raise NaspError(f"{name} was asked for, but torch sees no such device: use --device cpu")
    return device


def _mps_is_of_use() -> bool:
    """Whether there is a Mac's GPU for which torch has a fused Adam, which searches need."""
    if not torch.backends.mps.is_available():
        return False
    try:
        torch.optim.Adam([torch.zeros(1, device="mps", requires_grad=True)], fused=True)
    except RuntimeError:
        return False
    return True
