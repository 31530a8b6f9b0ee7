"""`Report`, which writes a run's result to files, to the terminal and to the tracker."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from rich.console import Console

from nasp.core.genotype import Genotype
from nasp.experiment.run_folder import CONFIG
from nasp.metric import Metric, Metrics
from nasp.runs import plots


@dataclass(frozen=True)
class ServedModel:
    """A model that MLflow can serve.

    Attributes:
        code: A file that calls `mlflow.models.set_model`.
        columns: Columns of the model's input tables, with example values.
        outputs: Example of the model's predictions, for the signature.
    """

    code: Path
    columns: Sequence[str]
    outputs: np.ndarray


class Report(ABC):
    """The result of a search or training, and how it is reported.

    Attributes:
        genotype: The architecture.
        metrics: The metrics, by tracking name.
        seconds: Wall time of the parts, summed over restarts of the run.
        epochs: Number of epochs of the run's own curves. The metrics are logged at this step.
        metric: The metric that validation selects by.
        searches: Metrics of each epoch of the searches on shared weights, by their names.
    """

    genotype: Genotype
    metrics: Metrics
    seconds: Mapping[str, float]
    epochs: int
    metric: Metric
    searches: Mapping[str, Sequence[Metrics]] = MappingProxyType({})

    def curve(self) -> Sequence[Metrics]:
        """The metrics of each epoch of the run itself, if no phase has logged them."""
        return ()

    def text(self) -> str:
        """The architecture in one line."""
        return str(self.genotype)

    def table(self) -> str:
        """The metrics as a table in Markdown, for the run's page in MLflow."""
        rows = [f"| {name} | {value:.4f} |" for name, value in self.metrics.items()]
        return "\n".join(["| metric | value |", "|---|---|", *rows])

    def save_model(self, path: Path) -> bool:
        """Write the trained model, if there is one, and return whether there is."""
        return False

    def served(self, path: Path) -> ServedModel | None:
        """Return what MLflow needs to serve the written model; None if it cannot be served."""
        return None

    def write(self, folder: Path) -> list[Path]:
        """Write the genotype and the plots into the run's folder.

        Returns:
            The files for the tracker, without the model.

        Raises:
            OSError: A file cannot be written; the files before it are complete.
        """
        path = folder / "genotype.json"
        self.genotype.save(path)
        files = [folder / CONFIG, folder / "result.json", path, *self.draw(folder)]
        if self.searches:
            files.append(folder / "search_records.png")
            plots.search_records(self.searches, self.metric, files[-1])
        return files

    @abstractmethod
    def draw(self, folder: Path) -> list[Path]:
        """Draw plots into the run's folder, and return their files."""

    @abstractmethod
    def show(self, console: Console, result: Mapping[str, Any]) -> None:
        """Print the result.

        Args:
            console: The console to print to.
            result: The content of `result.json`.
        """
