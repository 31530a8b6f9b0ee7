"""Training: the epoch loop, optimiser steps, devices and processes."""

from typing import TYPE_CHECKING

from nasp.registry import lazy_exports

if TYPE_CHECKING:
    from nasp.training.device import resolve_device as resolve_device
    from nasp.training.loop import PhaseResult as PhaseResult
    from nasp.training.loop import run_epochs as run_epochs
    from nasp.training.optimization import SGD as SGD
    from nasp.training.optimization import Adagrad as Adagrad
    from nasp.training.optimization import Adam as Adam
    from nasp.training.optimization import Losses as Losses
    from nasp.training.optimization import WeightStep as WeightStep
    from nasp.training.optimization import descend as descend
    from nasp.training.seeding import generator as generator


__all__, __getattr__ = lazy_exports(
    __name__,
    """
    device: resolve_device
    loop: PhaseResult run_epochs
    optimization: Adagrad Adam Losses SGD WeightStep descend
    seeding: generator
    """,
)
