"""`RunContext`: the checkpoint, progress and logs that the phases of a run use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nasp.runs.checkpoint import Checkpoint
from nasp.runs.progress import Progress
from nasp.runs.trial_store import TrialStore

Log = Callable[[Mapping[str, float], int], None]


@dataclass
class RunContext:
    """The services of a run that its phases use.

    Attributes:
        checkpoint: Stores the state of each phase.
        progress: Shows the progress.
        log: Logs metrics of an epoch: `log(metrics, epoch)`. A resumed phase logs all of its epochs
            again, because the tracker may have lost some.
        part: Makes a `log` for a part of the run with its own curves, given the part's name.
        trials: Stores the trials that have ended.
        failed: Why trainings diverged that the run continues without, by their names.
        architecture: The architecture that a part of a search trains alone, as JSON. Such a
            training has a number of epochs that stays the same when the search is prolonged, and
            it is repeated if the search finds another architecture. Empty for a search on shared
            weights, and for a training that is the whole run.
    """

    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    progress: Progress = field(default_factory=lambda: Progress(quiet=True))
    log: Log = lambda metrics, step: None
    part: Callable[[str], Log] = lambda name: lambda metrics, step: None
    trials: TrialStore = field(default_factory=TrialStore)
    failed: dict[str, str] = field(default_factory=dict)
    architecture: str = ""

    def __reduce__(self) -> Any:
        """Pickle only the checkpoint: in another process the run shows and logs nothing."""
        return RunContext, (self.checkpoint,)
