"""Training: the epoch loop, its steps, and where it computes."""

from typing import TYPE_CHECKING, Any

from nasp.registry import attribute

if TYPE_CHECKING:
    from nasp.training.device import resolve_device
    from nasp.training.loop import Outcome, run_epochs
    from nasp.training.optimization import SGD, Adagrad, Adam, Losses, WeightStep, descend
    from nasp.training.seeding import generator

PLACES = {
    "Adagrad": "nasp.training.optimization:Adagrad",
    "Adam": "nasp.training.optimization:Adam",
    "Losses": "nasp.training.optimization:Losses",
    "Outcome": "nasp.training.loop:Outcome",
    "SGD": "nasp.training.optimization:SGD",
    "WeightStep": "nasp.training.optimization:WeightStep",
    "descend": "nasp.training.optimization:descend",
    "generator": "nasp.training.seeding:generator",
    "resolve_device": "nasp.training.device:resolve_device",
    "run_epochs": "nasp.training.loop:run_epochs",
}

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "Losses",
    "Outcome",
    "WeightStep",
    "descend",
    "generator",
    "resolve_device",
    "run_epochs",
]


def __getattr__(name: str) -> Any:
    return attribute(__name__, PLACES, name)
