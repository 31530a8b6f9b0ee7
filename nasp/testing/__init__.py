"""Contract tests for your own strategies, samplers, tasks, spaces and metrics.

Inherit from a contract in your test file, and override its fixtures. This needs pytest.
"""

from typing import TYPE_CHECKING

from nasp.registry import lazy_exports

if TYPE_CHECKING:
    from nasp.testing.metrics import MetricContract as MetricContract
    from nasp.testing.samplers import SamplerContract as SamplerContract
    from nasp.testing.strategies import StrategyContract as StrategyContract
    from nasp.testing.tasks import TaskContract as TaskContract
    from nasp.testing.toys import ToyCNN as ToyCNN
    from nasp.testing.toys import ToyOptions as ToyOptions
    from nasp.testing.toys import ToyRNN as ToyRNN
    from nasp.testing.toys import ToySpace as ToySpace
    from nasp.testing.toys import ToyTask as ToyTask


__all__, __getattr__ = lazy_exports(
    __name__,
    """
    metrics: MetricContract
    samplers: SamplerContract
    strategies: StrategyContract
    tasks: TaskContract
    toys: ToyCNN ToyOptions ToyRNN ToySpace ToyTask
    """,
)
