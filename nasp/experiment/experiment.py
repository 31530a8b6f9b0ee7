"""`Experiment`, which runs a search or a training with folder, tracking and report."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Generic, TypeVar

from rich.console import Console

from nasp.core.genotype import Genotype
from nasp.experiment.report import Report
from nasp.experiment.run_record import RunRecord, open_run_record, show_failed, show_place
from nasp.registry import class_and_options
from nasp.runs.process import rank
from nasp.runs.tracking import DataSet
from nasp.search.pipeline import SearchResult, run_search, train
from nasp.search.task import Task

OfTask = TypeVar("OfTask", bound=Task)


@dataclass(frozen=True)
class Experiment(Generic[OfTask]):
    """A task with the options of a command.

    Attributes:
        task: The task.
        title: Title of the task for people: `image classification`.
        group: First part of the name of MLflow's experiment, before the data's name: `nasp/cnn`.
        config: All options of the command, including `RunOptions`. Its `network_size` is the size
            of the network in words, and `shown` names the options that MLflow shows even if they
            have their default values.
        data: The data set's name, digest and size.
        began: Moment of `time.perf_counter` at which the command began.
        seconds: Wall time of earlier parts, for example of reading the data.
    """

    task: OfTask
    title: str
    group: str
    config: Any
    data: DataSet
    began: float
    seconds: Mapping[str, float] = field(default_factory=dict)

    def search(self, report: Callable[[OfTask, SearchResult], Report]) -> dict[str, Any]:
        """Search, and report.

        Args:
            report: Makes the report of the result. Only the report may use test data.

        Returns:
            The content of `result.json`.

        Raises:
            NaspError: An option is wrong, or all searches failed.
        """
        config, strategy, scheduled = self.config, self.config.strategy_name, []
        if config.one_shot:
            chosen, options = class_and_options(config, "strategy")
            if chosen.follows_epochs(options):
                scheduled = [f"the strategy {strategy}"]

        def produce(job: RunRecord) -> SearchResult:
            self._say_if_prolonged(job, scheduled)
            return run_search(self.task, config.seed, job.context, config.executor)

        epochs = config.epochs if config.one_shot else None
        return self._run(strategy, strategy, strategy, {}, epochs, produce, report)

    def train(
        self,
        name: str,
        origin: str,
        genotype: Genotype,
        report: Callable[[OfTask, SearchResult], Report],
    ) -> dict[str, Any]:
        """Train an architecture alone, and report; see `search`.

        Args:
            name: The architecture's name, for people.
            origin: See `Task.train`.
            genotype: The architecture.
            report: Makes the report of the result.
        """

        def produce(job: RunRecord) -> SearchResult:
            self._say_if_prolonged(job)
            return train(self.task, origin, genotype, self.config.seed, job.context)

        depends_on = {"genotype_sha256": sha256(genotype.to_json().encode()).hexdigest()}
        epochs, run_name = self.config.epochs, f"train {name}"
        return self._run("train", f"train-{name}", run_name, depends_on, epochs, produce, report)

    def _say_if_prolonged(self, job: RunRecord, scheduled: Sequence[str] = ()) -> None:
        """Print how a run is prolonged, and what then follows the schedule of more epochs.

        Args:
            job: The run.
            scheduled: What depends on the number of epochs, apart from `Task.scheduled`.
        """
        earlier, epochs = job.context.checkpoint.prolonged_from, self.config.epochs
        if not earlier or self.config.quiet or rank() != 0:
            return
        names = " and ".join([*self.task.scheduled, *scheduled])
        follows = f"; from here on, {names} as in a run of {epochs} epochs" if names else ""
        print(f"prolonged from {earlier[-1]} to {epochs} epochs{follows}", file=sys.stderr)

    def _run(
        self,
        strategy: str,
        folder_name: str,
        run_name: str,
        depends_on: Mapping[str, str],
        epochs: int | None,
        produce: Callable[[RunRecord], SearchResult],
        report_of: Callable[[OfTask, SearchResult], Report],
    ) -> dict[str, Any]:
        config, task, data = self.config, self.task, self.data
        with open_run_record(
            config,
            name=f"{task.name}-{data.name}-{folder_name}-seed{config.seed}",
            experiment=f"{self.group}/{data.name}",
            run_name=f"{run_name} · {data.name} · {config.network_size} · seed {config.seed}",
            device=task.device,
            data=data,
            depends_on=depends_on,
            epochs=epochs,
            began=self.began,
            shown=config.shown,
            params={"task": self.title, "strategy": strategy, "data": data.name},
            best=(task.monitor,),
            tags={"strategy": strategy, "space": task.name},
        ) as job:
            report = report_of(task, produce(job))
            for step, metrics in enumerate(report.curve()):
                job.tracker.log(
                    {k: v for k, v in metrics.items() if not k.startswith("time/")}, step
                )
            model = job.folder / "model.pt"
            saved = rank() == 0 and report.save_model(model)
            result = job.record(
                {
                    "task": task.name,
                    "data": str(config.data),
                    "strategy": strategy,
                    "seed": config.seed,
                    "genotype": json.loads(report.genotype.to_json()),
                },
                report.metrics,
                {**self.seconds, **report.seconds},
                report.epochs,
            )
            job.describe(report.text(), report.table())
            if rank() == 0:
                served = report.served(model) if saved else None
                if served is not None:
                    job.tracker.model(
                        served.code,
                        {"model": model},
                        served.columns,
                        served.outputs,
                        report.epochs,
                    )
                files = report.write(job.folder)
                for file in [model, *files] if saved and served is None else files:
                    job.tracker.artifact(file)
                if not config.quiet:
                    console = Console(markup=False)  # a path may hold brackets
                    report.show(console, result)
                    show_failed(console, result["failed"])
                    show_place(console, result, job.folder)
        return result
