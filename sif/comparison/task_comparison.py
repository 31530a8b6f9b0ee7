"""`TaskComparison`: a task's methods, each a function of the data, on the same splits."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nasp.data.fetch import say_on_stderr
from nasp.errors import NaspError, check_known
from nasp.experiment import comparison_table as tables
from nasp.experiment.comparison import Comparison
from nasp.experiment.comparison_table import Row
from nasp.experiment.measurement import Measurement
from nasp.metric import Metrics
from nasp.runs import plots
from nasp.runs.context import RunContext
from nasp.search import STRATEGIES
from sif.comparison.config import CompareConfig
from sif.config import SearchConfig, say_nothing
from sif.data import TaskData, TaskName
from sif.options import SearchOptions


@dataclass(frozen=True)
class Answer:
    """What a method gives.

    Attributes:
        metrics: Metrics by tracking name, for example `test/ndcg_10`.
        found: What was found, for a method that searches.
    """

    metrics: Metrics
    found: str = ""


Method = Callable[[TaskData, SearchOptions, int, RunContext], Answer]
"""Trains with a seed, chooses by validation, and evaluates the choice on test rows once."""


class TaskComparison(Comparison):
    """Compares methods whose options are those of the task, not tuned ones.

    Attributes:
        task: The task.
        methods: The methods by name.
        always: Methods that are compared whatever the options say.
        columns: Columns of the table.
        notes: What the reader of the table has to know.
    """

    space = "sif"
    task: ClassVar[TaskName]
    methods: ClassVar[Mapping[str, Method]]
    always: ClassVar[tuple[str, ...]]
    columns: ClassVar[Mapping[str, tables.Column]]
    notes: ClassVar[str]
    config: CompareConfig

    def jobs(self) -> list[list[Measurement]]:
        config, defaults = self.config, CompareConfig()
        for name in ("embedding_dims", "tuning_trials", "tune"):
            if getattr(config, name) != getattr(defaults, name):
                raise NaspError(f"{name} is for the task rating, not {self.task}: leave it out")
        for name in config.methods:
            check_known(f"method of the task {self.task}:", name, self.methods)
        say = say_nothing if config.quiet else say_on_stderr
        jobs = []
        for data, label in config.labels().items():
            loaded = config.load(data, config.seed, say)
            if loaded.task != self.task:
                raise NaspError(f"{data} is for the task {loaded.task}, others for {self.task}")
            sha256 = loaded.sha256()
            for method in self.methods:
                if not config.methods or method in (*self.always, *config.methods):
                    identity = {"data_sha256": sha256, **config.identity(method)}
                    jobs.append(
                        [
                            Measurement(data, method, seed, identity, label)
                            for seed in range(config.seed, config.seed + config.seeds)
                        ]
                    )
        return jobs

    def measure(self, measurement: Measurement, folder: Path) -> Measurement:
        one, start = measurement, time.perf_counter()
        data = self.config.load(one.data, one.seed)
        options = self.options(one.method, len(data.splits.train))
        answer = self.methods[one.method](data, options, one.seed, RunContext())
        seconds = {"all": time.perf_counter() - start}
        return replace(one, metrics=dict(answer.metrics), seconds=seconds, found=answer.found)

    def options(self, method: str, rows: int) -> SearchOptions:
        """Return a method's options: those given, and the task's defaults for so many rows."""
        config, usual = self.config, SearchOptions()
        given = config.of_strategy(method) if method in STRATEGIES else config.search
        suitable = SearchConfig().defaults_of(self.task, rows, say_nothing)
        names = {field.name for field in fields(SearchOptions)} & suitable.keys()
        unchanged = {name for name in names if getattr(given, name) == getattr(usual, name)}
        return replace(given, **{name: suitable[name] for name in unchanged})

    def document(self, groups: Sequence[Row], place: Mapping[str, Any]) -> Iterator[str]:
        yield f"# Methods of the task {self.task} side by side"
        yield ""
        yield tables.heading(place, "one thread a method")
        yield self.notes
        for data in dict.fromkeys(group[0].data for group in groups):
            rows = [group for group in groups if group[0].data == data]
            cut = [name for name in self.methods if name not in {row[0].method for row in rows}]
            yield ""
            yield f"## {data}"
            yield ""
            left_out = f"left out: {', '.join(cut)}" if cut else "no method is left out"
            yield left_out + tables.commits(rows) + "."
            yield ""
            yield from tables.table(
                tables.ranked(rows, self.metric.on("test")), self.columns, first=2
            )

    def draw(self, groups: Sequence[Row], path: Path) -> None:
        """Plot mean and standard deviation of the test metric of each method."""
        metric = self.metric.on("test")
        rows = [row for row in tables.ranked(groups, metric) if tables.completed(row)]
        values = [[one.metrics[metric.name] for one in tables.completed(row)] for row in rows]
        figure = plots.new_figure(7, 0.4 * len(rows) + 1.5)
        axes = figure.subplots()
        places = np.arange(len(rows))[::-1]
        axes.barh(places, list(map(np.mean, values)), xerr=list(map(np.std, values)), height=0.7)
        axes.set_yticks(places, [row[0].method for row in rows])
        axes.set_xlabel(f"test {self.metric.title}, mean and standard deviation over the seeds")
        axes.set_title(groups[0][0].label, fontsize="medium")
        plots.save(figure, path)
