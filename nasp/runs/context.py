"""What a run gives to its phases."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nasp.runs.checkpoint import Checkpoint
from nasp.runs.progress import Progress
from nasp.runs.trial_store import TrialStore

Log = Callable[[Mapping[str, float], int], None]


@dataclass
class RunContext:
    """What a run gives to each of its phases.

    Attributes:
        checkpoint: Where the state goes.
        progress: Where a person looks.
        log: Where an epoch's metrics go: `(metrics, epoch)`. A resumed phase tells all of its
            epochs again, in case the other side lost some.
        part: Makes a `log` for a part of the run that has curves of its own, given its name.
        trials: The trials that have ended.
        failed: Why trainings diverged which the run goes on without, by their names.
    """

    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    progress: Progress = field(default_factory=lambda: Progress(quiet=True))
    log: Log = lambda metrics, step: None
    part: Callable[[str], Log] = lambda name: lambda metrics, step: None
    trials: TrialStore = field(default_factory=TrialStore)
    failed: dict[str, str] = field(default_factory=dict)

    def __reduce__(self) -> Any:
        """In another process a run is silent, and has the files of the checkpoint."""
        return RunContext, (self.checkpoint,)
