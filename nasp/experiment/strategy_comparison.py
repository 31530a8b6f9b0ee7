"""The comparison of strategies, whose architectures are trained alone and evaluated."""

import shutil
import statistics
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from nasp.core.genotype import Genotype
from nasp.core.lookup import is_notation, name_of
from nasp.experiment import comparison_table as tables
from nasp.experiment.compare_options import RANDOM, StrategyCompareOptions
from nasp.experiment.comparison import Comparison
from nasp.experiment.comparison_table import Row
from nasp.experiment.measurement import Measurement
from nasp.metric import Metrics
from nasp.runs import plots
from nasp.runs.checkpoint import Checkpoint
from nasp.runs.context import RunContext
from nasp.runs.trial_store import TrialStore
from nasp.samplers import SAMPLERS
from nasp.samplers.limits import ask_within
from nasp.search import STRATEGIES, SearchResult, Task, run_search, train
from nasp.training.seeding import generator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CELL = "cell "  # prefix of the names of given genotypes
STEPS = ("weights", "architecture")  # the two kinds of steps of a search on shared weights
PARTS = (*STEPS, "search")
BETWEEN = "_between_trainings"  # suffix of the deviation between the trainings of one cell
MEASURE = 1  # version of the measurements; raised when the same options give other numbers


OfTask = TypeVar("OfTask", bound=Task)


class StrategyComparison(Comparison, Generic[OfTask]):
    """Compares strategies: the cell of each is trained alone with the same options and seeds.

    Random and published cells are trained for comparison. Each seed of a method is a separate job,
    which is resumed where it stopped.
    """

    config: StrategyCompareOptions
    note: ClassVar[str] = ""  # on how the test data are evaluated, for the table

    @abstractmethod
    def open(self, data: str, options: Any, seed: int) -> tuple[OfTask, str]:
        """Open the data of a search, with the test data.

        Args:
            data: Name or path of the data set.
            options: Options of the search and of the training.
            seed: Seed of the measurement.

        Returns:
            The task, and the digest of the data.
        """

    @abstractmethod
    def known(self, name_or_path: str) -> Genotype:
        """Return the genotype that a value of the option `genotypes` names."""

    @abstractmethod
    def evaluate(self, task: OfTask, trained: SearchResult, name: str) -> Metrics:
        """Evaluate a trained network on validation and test data."""

    @abstractmethod
    def text(self, genotype: Genotype) -> str:
        """Return a genotype in one line."""

    def jobs(self) -> list[list[Measurement]]:
        """Plan the measurements: each seed of a method is a separate job."""
        config = self.config
        genotypes = {name: "" for name in config.methods or config.known_methods()}
        for given in config.genotypes:
            name = name_of(given) if is_notation(given) else given
            genotypes[f"{CELL}{name}"] = self.known(given).to_json()
        jobs = []
        for data, label in config.labels().items():
            _, sha256 = self.open(data, config.search, config.seed)
            for method, genotype in genotypes.items():
                identity = {"data_sha256": sha256, "genotype": genotype, "measure": MEASURE}
                identity |= config.identity(method)
                jobs += [
                    [Measurement(data, method, seed, identity, label)]
                    for seed in range(config.seed, config.seed + config.seeds)
                ]
        return jobs

    def measure(self, measurement: Measurement, folder: Path) -> Measurement:
        config, method, seed = self.config, measurement.method, measurement.seed
        name = measurement.name.replace("/", "-").replace(" ", "_")
        place = folder / "unfinished" / name
        place.mkdir(parents=True, exist_ok=True)
        identity = {**measurement.identity, "method": method, "seed": seed}
        run = RunContext(
            Checkpoint(place / "checkpoint", identity, resume=True),
            trials=TrialStore(place / "trials", identity),
        )
        options = config.of_strategy(method) if method in STRATEGIES else config.search
        task, _ = self.open(measurement.data, options, seed)
        metrics, seconds = dict[str, float](), dict[str, float]()
        if given := measurement.identity["genotype"]:
            genotype = Genotype.from_json(given, method)
        elif method == RANDOM:
            random = generator(seed, "random cell")
            decisions, continuous = task.decisions(random)
            task.prepare(run)
            sampler = SAMPLERS["random"](decisions, random, continuous)
            (trial,) = ask_within(task.limits, sampler, 1)
            genotype = task.genotype(trial, seed)
        else:
            found = run_search(task, seed, run)
            genotype, seconds["search"] = found.genotype, sum(found.seconds.values())
            metrics[f"search/{task.monitor.name}"] = found.metrics[task.monitor.name]
            epochs = [epoch for history in found.searches.values() for epoch in history]
            if epochs:
                seconds |= {p: sum(epoch[f"time/{p}_s"] for epoch in epochs) for p in STEPS}
        # With other random numbers than those of the search, which may have selected lucky ones.
        names = ["comparison", *(f"comparison {n}" for n in range(2, config.trainings + 1))]
        trained = [train(task, name, genotype, seed, run) for name in names]
        values = [self.evaluate(task, one, method) for one in trained]
        metrics |= {name: statistics.mean(one[name] for one in values) for name in values[0]}
        if len(values) > 1:
            test = self.metric.on("test").name
            metrics[f"{test}{BETWEEN}"] = statistics.stdev(one[test] for one in values)
        (folder / "genotypes").mkdir(exist_ok=True)
        genotype.save(folder / "genotypes" / f"{name}.json")
        shutil.rmtree(place)
        seconds["train"] = statistics.mean(one.seconds["train"] for one in trained)
        return replace(measurement, metrics=metrics, seconds=seconds, found=self.text(genotype))

    def document(self, rows: Sequence[Row], place: Mapping[str, Any]) -> Iterator[str]:
        metric, config = self.metric, self.config
        test, valid = metric.on("test"), metric.on("valid")
        columns: dict[str, tables.Column] = {
            "method": tables.method,
            "seeds": tables.seeds,
            test.label: tables.mean_and_deviation(test.name),
            "worst": tables.worst(test),
            valid.label: tables.mean_of(valid.name),
            "p": tables.significance(test.name),
            "search, s": tables.seconds("search"),
            **{f"its {part}, s": tables.seconds(part) for part in STEPS},
            "training, s": tables.seconds("train"),
            "parameters": tables.mean_of("model/parameters", 0),
        }
        done = [one for row in rows for one in tables.completed(row)]
        if all("model/mult_adds" in one.metrics for one in done):
            columns["multiply-adds"] = tables.mean_of("model/mult_adds", 0)
        if config.trainings > 1:
            columns["between trainings"] = tables.mean_of(f"{test.name}{BETWEEN}")
        yield f"# Strategies side by side: {self.title}"
        yield ""
        yield tables.heading(place, "one thread a method")
        yield (
            "Each strategy searches once for each seed. The cell that it finds, a random cell for "
            "each seed and the given cells are trained alone, for at most "
            f"{config.search.train_epochs} epoch(s), and evaluated on the test data, which nothing "
            "was chosen by. Mean ± "
            "standard deviation over the seeds, and the worst of them; p: paired t-test against "
            "the best other row; s: seconds of one search, of its steps of the weights and of the "
            f"architecture, and of one training.{self._repeated()}"
            + (f" {self.note}" if self.note else "")
        )
        for data in dict.fromkeys(row[0].data for row in rows):
            here = tables.ranked([row for row in rows if row[0].data == data], test)
            yield ""
            yield f"## {data}"
            yield ""
            yield f"{config.search.network_size}{tables.commits(here)}."
            yield ""
            yield from tables.table(here, columns, first=2)
            yield ""
            yield f"| method | seed | {test.label} | cell |"
            yield "|---|---|---|---|"
            for one in (one for row in here for one in tables.completed(row)):
                value = one.metrics[test.name]
                yield f"| {one.method} | {one.seed} | {value:.4f} | `{one.found}` |"

    def _repeated(self) -> str:
        if self.config.trainings == 1:
            return ""
        return (
            f" Each cell is trained {self.config.trainings} times; values are means, and the last "
            "column is the deviation between the trainings of one cell."
        )

    def draw(self, rows: Sequence[Row], path: Path) -> None:
        """Plot the test metric of each method, and the seconds of its search.

        There is a dot for each seed, and a line at their mean.
        """
        test = self.metric.on("test")
        rows = [row for row in tables.ranked(rows, test) if tables.completed(row)]
        figure = plots.new_figure(10, 1.6 + 0.35 * max(len(rows), 2))
        axes, times = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
        for height, row in enumerate(reversed(rows)):
            _draw_seconds(times, height, tables.completed(row))
            values = [one.metrics[test.name] for one in tables.completed(row)]
            axes.plot(values, [height] * len(values), "o", color=plots.COLOURS[0], alpha=0.7)
            mean = tables.mean(row, test.name)
            axes.plot([mean, mean], [height - 0.3, height + 0.3], color=plots.COLOURS[1])
        axes.set_yticks(range(len(rows)), [row[0].method for row in reversed(rows)])
        axes.set_xlabel(f"{test.label} (dots: seeds; lines: their means)")
        axes.set_title(rows[0][0].label, fontsize="medium")
        axes.grid(color="0.9")
        times.set_xlabel("seconds of a search (mean)")
        labels = [*(f"steps of the {part}" for part in STEPS), "validation, and trials"]
        for position, label in enumerate(labels):
            times.barh(0, 0, color=plots.COLOURS[position], label=label)
        times.legend(fontsize="x-small")
        plots.save(figure, path)


def _draw_seconds(axes: "Axes", height: int, row: Row) -> None:
    """Draw the mean seconds of the searches of a method as a bar of three parts."""
    mean = {part: statistics.mean(one.seconds.get(part, 0.0) for one in row) for part in PARTS}
    widths = [*(mean[part] for part in STEPS), mean["search"] - sum(mean[p] for p in STEPS)]
    left = 0.0
    for position, width in enumerate(widths):
        axes.barh(height, width, left=left, height=0.6, color=plots.COLOURS[position])
        left += width
