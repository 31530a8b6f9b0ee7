"""What a run leaves behind: checkpoints, trials, models, progress, tracking, pictures."""

from typing import TYPE_CHECKING, Any

from nasp.registry import attribute

if TYPE_CHECKING:
    from nasp.runs.checkpoint import Checkpoint
    from nasp.runs.context import Run
    from nasp.runs.progress import Progress
    from nasp.runs.tracking import DataSet, Tracker
    from nasp.runs.trial_store import TrialStore

PLACES = {
    "Checkpoint": "nasp.runs.checkpoint:Checkpoint",
    "DataSet": "nasp.runs.tracking:DataSet",
    "Progress": "nasp.runs.progress:Progress",
    "Run": "nasp.runs.context:Run",
    "Tracker": "nasp.runs.tracking:Tracker",
    "TrialStore": "nasp.runs.trial_store:TrialStore",
}

__all__ = [
    "Checkpoint",
    "DataSet",
    "Progress",
    "Run",
    "Tracker",
    "TrialStore",
]


def __getattr__(name: str) -> Any:
    return attribute(__name__, PLACES, name)
