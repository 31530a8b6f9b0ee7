"""What a run has to say: to machines, to people and to a tracker."""

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
    """A model that MLflow can serve, once its file is written.

    Attributes:
        code: A file that calls `mlflow.models.set_model`.
        columns: Those of the tables that the model takes.
        outputs: What it predicts, for example: for the signature.
    """

    code: Path
    columns: Sequence[str]
    outputs: np.ndarray


class Report(ABC):
    """What was found or trained, and how it is told.

    Attributes:
        genotype: The architecture.
        metrics: By tracking name.
        seconds: Wall time of the parts, of all the times that the run was started.
        epochs: Of the run's own curves; the metrics are logged at this step.
        metric: What validation chooses by.
        searches: Metrics by epoch of the searches on shared weights, by their names.
    """

    genotype: Genotype
    metrics: Metrics
    seconds: Mapping[str, float]
    epochs: int
    metric: Metric
    searches: Mapping[str, Sequence[Metrics]] = MappingProxyType({})

    def curve(self) -> Sequence[Metrics]:
        """Metrics by epoch that belong to the run itself, in case no phase has logged them."""
        return ()

    def text(self) -> str:
        """The architecture in one line."""
        return str(self.genotype)

    def table(self) -> str:
        """The metrics as a table in Markdown, for the run's page."""
        rows = [f"| {name} | {value:.4f} |" for name, value in self.metrics.items()]
        return "\n".join(["| metric | value |", "|---|---|", *rows])

    def save_model(self, path: Path) -> bool:
        """Write the model that was trained; returns whether there is one."""
        return False

    def served(self, path: Path) -> ServedModel | None:
        """What MLflow needs to serve the model that was written, if it can."""
        return None

    def write(self, folder: Path) -> list[Path]:
        """Write the genotype and the pictures into the run's folder.

        Returns:
            All files for a tracker; the model is apart.

        Raises:
            OSError: A file cannot be written; those written before are whole.
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
        """Draw pictures into the run's folder; returns their files."""

    @abstractmethod
    def show(self, console: Console, result: Mapping[str, Any]) -> None:
        """Print what was found and what it is worth.

        Args:
            console: Where to.
            result: The content of `result.json`.
        """
