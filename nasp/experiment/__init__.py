"""The run of a command: options, folder, record and report."""

from typing import TYPE_CHECKING

from nasp.registry import lazy_exports

if TYPE_CHECKING:
    from nasp.experiment.experiment import Experiment as Experiment
    from nasp.experiment.report import Report as Report
    from nasp.experiment.report import ServedModel as ServedModel
    from nasp.experiment.run_folder import RunOptions as RunOptions
    from nasp.experiment.run_folder import run_command as run_command


__all__, __getattr__ = lazy_exports(
    __name__,
    """
    experiment: Experiment
    report: Report ServedModel
    run_folder: RunOptions run_command
    """,
)
