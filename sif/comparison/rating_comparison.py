"""The comparison of methods of rating prediction."""

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from nasp.data.fetch import say_on_stderr
from nasp.errors import NaspError
from nasp.experiment import comparison_table as tables
from nasp.experiment.comparison import Comparison
from nasp.experiment.comparison_table import Row
from nasp.experiment.measurement import Measurement
from nasp.runs import plots
from nasp.runs.context import RunContext
from sif.comparison.config import CompareConfig
from sif.comparison.methods import FIXED, METHODS, SEARCHED, TRIVIAL, methods_of
from sif.comparison.tuning import Watched, tune
from sif.config import say_nothing
from sif.data import TaskData
from sif.data.search_data import SearchData
from sif.evaluation.ratings import RMSE, evaluate_predictions

DRAWN = 8  # largest number of lines in a panel
MEASURE = 3  # version of the measurements; raised when the same options give other numbers
COLUMNS: dict[str, tables.Column] = {
    "method": tables.method,
    "dim": lambda group, groups: str(group[0].settings.get("embedding_dim", "")),
    "seeds": tables.seeds,
    "test RMSE": tables.mean_and_deviation("test/rmse"),
    "standardised": tables.mean_of("test/rmse_standardized"),
    "validation RMSE": tables.mean_of("valid/rmse"),
    "p": tables.significance("test/rmse"),
    "s": tables.seconds(),
    "parameters": tables.mean_of("model/parameters", 0),
    "found": tables.found,
}


def _encoded(data: TaskData) -> SearchData:
    return SearchData.from_splits(data.splits.train, data.splits.valid, sides=data.sides)


class RatingComparison(Comparison):
    """Compares searches, baselines and trivial models on the same splits, as in SIF's tables."""

    title, space, metric = "rating", "sif", RMSE
    config: CompareConfig

    @property
    def params(self) -> Mapping[str, Any]:
        return {"split": self.config.split or "random"}

    def jobs(self) -> list[list[Measurement]]:
        """Plan the measurements; all measurements of a job share the tuned hyper-parameters."""
        config = self.config
        say = say_nothing if config.quiet else say_on_stderr
        jobs, counts = list[list[Measurement]](), dict[str, int]()
        for data, label in config.labels().items():
            loaded = config.load(data, config.seed, say)
            entities, sha256 = len(loaded.splits.train.columns), loaded.sha256()
            possible = methods_of(entities)
            counts[data] = entities
            for method in possible:
                if method in TRIVIAL or not config.methods or method in config.methods:
                    identity = {"data_sha256": sha256, "entities": entities, "measure": MEASURE}
                    identity |= config.identity(method)
                    jobs += self._rows(data, method, identity, label)
        for method in config.methods:
            if not any(method in methods_of(count) for count in counts.values()):
                numbers = " or ".join(map(str, sorted(set(counts.values()))))
                raise NaspError(
                    f"{method} does not take ratings by {numbers} entities: leave it out of "
                    "--methods"
                )
        for data, count in counts.items():
            if left_out := [name for name in config.methods if name not in methods_of(count)]:
                warnings.warn(
                    f"{data}: {', '.join(left_out)} left out, because it has {count} entities",
                    stacklevel=2,
                )
        return jobs

    def _rows(self, data: str, method: str, identity: dict[str, Any], label: str) -> Iterator[Row]:
        dims = [None] if method in TRIVIAL else self.config.embedding_dims
        for dim in dims:
            settings = {} if dim is None else {"embedding_dim": dim}
            yield [
                Measurement(data, method, seed, identity, label, settings)
                for seed in range(self.config.seed, self.config.seed + self.config.seeds)
            ]

    def measure(self, measurement: Measurement, folder: Path) -> Measurement:
        """Tune the method, unless it is tuned, train it, and evaluate it on test ratings."""
        config, method = self.config, measurement.method
        one = measurement if method in TRIVIAL else self._tuned(measurement, folder)
        loaded = config.load(one.data, one.seed)
        splits, data = loaded.splits, _encoded(loaded)
        dim = one.settings.get("embedding_dim", config.search.embedding_dim)
        watched, start = Watched(), time.perf_counter()
        run = RunContext(progress=watched)
        fitted = METHODS[method](data, config.options(method, dim, one.tuned), one.seed, run)
        seconds = time.perf_counter() - start
        # The global mean predicts all ratings; other models use biases for ratings of unseen ids.
        unseen = torch.zeros_like(data.biases) if method == "global mean" else data.biases
        judged = replace(data, biases=unseen)
        # The only use of test ratings.
        valid, test = judged.encode(splits.valid), judged.encode(splits.test)
        on_test = evaluate_predictions(fitted.rate(test), test, data.scale)
        return replace(
            one,
            metrics={
                "valid/rmse": evaluate_predictions(fitted.rate(valid), valid, data.scale)["rmse"],
                "test/rmse": on_test["rmse"],
                "test/rmse_standardized": on_test["rmse"] / splits.deviation(),
                "test/mae": on_test["mae"],
                "model/parameters": fitted.parameters,
            },
            seconds={"train": seconds},
            found=fitted.found,
            curve=[list(point) for point in zip(watched.seconds, watched.best(), strict=True)],
        )

    def _tuned(self, one: Measurement, folder: Path) -> Measurement:
        """Return the measurement with hyper-parameters tuned on the split of the first seed."""
        config, first = self.config, self.config.seed
        tuned = one.with_tuned(folder, first)
        if tuned is not None:
            return tuned
        values = tune(
            one.method,
            _encoded(config.load(one.data, first)),
            config.options(one.method, one.settings["embedding_dim"], {}),
            config.tune.of(one.method),
            config.tuning_trials,
            first,
        )
        return one.write_tuned(folder, first, values)

    def document(self, groups: Sequence[Row], place: Mapping[str, Any]) -> Iterator[str]:
        yield "# Interaction functions and rating models side by side"
        yield ""
        yield tables.heading(place, "one thread a method")
        yield (
            "Test RMSE in rating units, mean ± standard deviation over the seeds, and standardised "
            "as in the papers; p: paired t-test against the best other row; s: seconds of one "
            "training or search, without tuning. Hyper-parameters of every method were tuned on "
            "the validation ratings of the first seed with the same number of trials. These "
            "ratings are among the training and test ratings of the other seeds, so their errors "
            "are slightly optimistic. The global mean predicts the same for all; other models fall "
            "back on biases where an id is unseen. A fixed model is trained once; a method that "
            "searches trains several functions alone, and validation chooses among them. Only the "
            "space's functions use side features."
        )
        for data in dict.fromkeys(group[0].data for group in groups):
            rows = [group for group in groups if group[0].data == data]
            entities = rows[0][0].identity["entities"]
            cut = [m for m in methods_of(entities) if m not in {g[0].method for g in rows}]
            yield ""
            yield f"## {data}"
            yield ""
            yield (
                f"{self.config.tuning_trials} tuning trials, batches of "
                f"{self.config.search.batch_size}; "
                + (f"left out: {', '.join(cut)}" if cut else "no method is left out")
                + tables.commits(rows)
                + "."
            )
            yield ""
            yield from tables.table(tables.ranked(rows, RMSE.on("test")), COLUMNS, first=3)

    def draw(self, groups: Sequence[Row], path: Path) -> None:
        """Plot validation RMSE against wall time on one split, for searches and best fixed models.

        It is the split on which the biases have their median error, because splits of a small table
        differ more than methods.
        """
        figure = plots.new_figure(11, 6.5)
        kinds = {"methods that search": SEARCHED, "fixed models": FIXED}
        panels = figure.subplots(1, 2, sharex=True, sharey=True)
        trivial = [group for group in groups if group[0].method in TRIVIAL]
        biases = sorted(trivial[-1], key=lambda one: one.metrics["valid/rmse"])
        seed = biases[len(biases) // 2].seed
        level = min(one.metrics["valid/rmse"] for g in trivial for one in g if one.seed == seed)
        shown = [level]
        dims = {dim for group in groups for dim in group[0].settings.values()}
        for axes, (title, kind) in zip(panels, kinds.items(), strict=True):
            drawn = [
                one
                for group in tables.ranked(groups, RMSE.on("test"))
                for one in tables.completed(group)
                if one.method in kind and one.seed == seed
            ]
            for position, one in enumerate(drawn[:DRAWN]):
                seconds, rmse = zip(*one.curve, strict=True)
                label = one.row if len(dims) > 1 else one.method
                if one.found:
                    label += f": {one.found}"
                axes.plot(
                    seconds, rmse, drawstyle="steps-post", label=label, **plots.style(position)
                )
                axes.plot(seconds[-1], rmse[-1], "o", color=plots.style(position)["color"])
                shown.append(rmse[-1])
            axes.axhline(level, color="0.6", linewidth=0.8, label="best trivial model")
            axes.set_xscale("log")
            axes.set_xlabel("wall time, s (one thread)")
            if len(drawn) > DRAWN:
                title += f": the {DRAWN} best of {len(drawn)} by test RMSE"
            axes.set_title(title, fontsize="medium")
            axes.grid(color="0.9")
            # The legend is below the panel, because names of functions are long.
            axes.legend(
                frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(0, -0.14)
            )
        panels[0].set_ylabel("best validation RMSE so far (rating units)")
        low, high = min(shown), max(shown)
        panels[0].set_ylim(low - 0.1 * (high - low), high + 0.3 * (high - low))
        figure.suptitle(f"{groups[0][0].label}: the split of seed {seed}", fontsize="medium")
        plots.save(figure, path)
