"""Contract tests, for strategies, samplers, tasks, spaces and metrics of your own.

Inherit from a contract in a test file of yours, and override its fixtures; pytest is needed.
"""

from typing import TYPE_CHECKING, Any

from nasp.registry import attribute

if TYPE_CHECKING:
    from nasp.testing.metrics import MetricContract
    from nasp.testing.samplers import SamplerContract
    from nasp.testing.strategies import StrategyContract
    from nasp.testing.tasks import TaskContract
    from nasp.testing.toys import ToyCNN, ToyOptions, ToyRNN, ToySpace, ToyTask

PLACES = {
    "MetricContract": "nasp.testing.metrics:MetricContract",
    "SamplerContract": "nasp.testing.samplers:SamplerContract",
    "StrategyContract": "nasp.testing.strategies:StrategyContract",
    "TaskContract": "nasp.testing.tasks:TaskContract",
    "ToyCNN": "nasp.testing.toys:ToyCNN",
    "ToyOptions": "nasp.testing.toys:ToyOptions",
    "ToyRNN": "nasp.testing.toys:ToyRNN",
    "ToySpace": "nasp.testing.toys:ToySpace",
    "ToyTask": "nasp.testing.toys:ToyTask",
}

__all__ = [
    "MetricContract",
    "SamplerContract",
    "StrategyContract",
    "TaskContract",
    "ToyCNN",
    "ToyOptions",
    "ToyRNN",
    "ToySpace",
    "ToyTask",
]


def __getattr__(name: str) -> Any:
    return attribute(__name__, PLACES, name)
