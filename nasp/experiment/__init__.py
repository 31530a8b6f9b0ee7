"""A command's run: its options, its folder, its record and its report."""

from typing import TYPE_CHECKING, Any

from nasp.registry import attribute

if TYPE_CHECKING:
    from nasp.experiment.experiment import Experiment
    from nasp.experiment.report import Report, ServedModel
    from nasp.experiment.run_folder import RunOptions, run_command

PLACES = {
    "Experiment": "nasp.experiment.experiment:Experiment",
    "Report": "nasp.experiment.report:Report",
    "RunOptions": "nasp.experiment.run_folder:RunOptions",
    "ServedModel": "nasp.experiment.report:ServedModel",
    "run_command": "nasp.experiment.run_folder:run_command",
}

__all__ = [
    "Experiment",
    "Report",
    "RunOptions",
    "ServedModel",
    "run_command",
]


def __getattr__(name: str) -> Any:
    return attribute(__name__, PLACES, name)
