"""Checkpoints, trial files, model files, progress, tracking and plots of runs."""

from typing import TYPE_CHECKING

from nasp.registry import lazy_exports

if TYPE_CHECKING:
    from nasp.runs.checkpoint import Checkpoint as Checkpoint
    from nasp.runs.context import RunContext as RunContext
    from nasp.runs.progress import Progress as Progress
    from nasp.runs.tracking import DataSet as DataSet
    from nasp.runs.tracking import Tracker as Tracker
    from nasp.runs.trial_store import TrialStore as TrialStore


__all__, __getattr__ = lazy_exports(
    __name__,
    """
    checkpoint: Checkpoint
    context: RunContext
    progress: Progress
    tracking: DataSet Tracker
    trial_store: TrialStore
    """,
)
