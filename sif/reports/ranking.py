"""The report of searches and trainings for rankings: the answer, its rivals, files and plots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from nasp.metric import Metrics
from nasp.runs import plots
from nasp.search import SearchResult
from sif.closed_forms import CLOSED_FORMS
from sif.data import Splits
from sif.evaluation.ranking import NDCG, VALUES
from sif.models.feature_popularity import FeaturePopularity
from sif.models.members import FUNCTION, Member
from sif.models.ranking import RankingModel
from sif.options import search_values
from sif.reports.base import RecommenderReport
from sif.tasks.candidates import AVERAGE, Team
from sif.tasks.ranking import RankingTask

COLUMNS = ("ndcg_10", "recall_20", "mrr", "coverage_10")


@dataclass
class Row:
    """A ranker in the final table, with its metrics on validation and test pairs by name."""

    name: str
    valid: Metrics
    test: Metrics


class RankingReport(RecommenderReport):
    """The best ranker by validation, and its rivals, evaluated on the test pairs.

    The answer is the function that was found, a closed form, or an average of some. It is then made
    anew of training and validation pairs, unless the options say otherwise, and this is the model
    that is saved.

    Args:
        task: The task, with training and validation pairs.
        found: The result of the search or training.
        splits: All pairs. Only the report uses test pairs.

    Attributes:
        answer: Name of the best ranker.
        rows: Each candidate, best first by validation, and the refitted answer as last one.
        model: The model that is saved.
    """

    def __init__(
        self,
        task: RankingTask,
        found: SearchResult,
        splits: Splits,
    ) -> None:
        assert found.trained is not None, "each found function is trained"
        self.found, self.train, data = found, splits.train, task.data
        self.genotype = found.trained.genotype
        chosen = task.selection(found.trained)
        of_users = data.features[0]

        def model(team: Team, *, refit: bool = False) -> RankingModel:
            members = []
            for name, weight in team.weights.items():
                one = chosen.candidates[name]
                ranker = one.ranker
                if refit and one.refit is not None:
                    ranker = one.refit()
                elif refit:
                    (refitted,) = found.refitted  # a function of the answer is refitted
                    ranker = task.ranker(refitted, data.for_refit())
                members.append(Member(one.kind, ranker, float(weight)))
            has_function = any(member.kind == FUNCTION for member in members)
            pairs = data.known() if refit else data.train
            return RankingModel(
                team.title,
                members,
                data.encoder,
                pairs,
                titles=data.item_titles(),
                cold=None if of_users is None else FeaturePopularity.fit(pairs, of_users.matrix),
                genotype=self.genotype if has_function else None,
                fitted_with=search_values(task.options),
                valid_ndcg_10=team.valid[NDCG.name],
            )

        def on_test(model: RankingModel) -> Metrics:
            return model.evaluate(splits.test, trivial=False)

        self.rows = [Row(t.title, t.valid, on_test(model(t))) for t in chosen.teams]
        self.answer = self.rows[0].name
        self.metrics = self._metrics([team.name for team in chosen.teams])
        self.model = model(chosen.teams[0], refit=task.options.refit)
        if task.options.refit:
            again = on_test(self.model)
            self.rows.append(Row(f"{self.answer}, refitted", {}, again))
            self.metrics |= {f"refit/test/{name}": value for name, value in again.items()}
        self.model.add_seen(splits.test)
        self.seconds = {"closed_forms": task.tuning_seconds, **found.seconds}
        self.metric, self.searches = task.metrics[0], found.searches
        self.epochs = len(self.curve())

    def _metrics(self, teams: Sequence[str]) -> Metrics:
        best, *_ = self.rows
        metrics = {f"valid/{name}": value for name, value in best.valid.items()}
        metrics |= {f"test/{name}": value for name, value in best.test.items()}
        for team, row in zip(teams, self.rows, strict=True):
            name = "found" if team not in (AVERAGE, *CLOSED_FORMS) else team
            for metric in (NDCG.name, "recall_20"):
                metrics[f"test/{metric}_{name}"] = row.test[metric]
            metrics[f"valid/{NDCG.name}_{name}"] = row.valid[NDCG.name]
        return metrics

    def text(self) -> str:
        return self.answer

    def draw(self, folder: Path) -> list[Path]:
        files = [folder / "training.png", folder / "candidates.png"]
        self.draw_trainings(NDCG, files[0])
        draw_candidates(self.rows, files[1])
        return files

    def show(self, console: Console, result: Mapping[str, Any]) -> None:
        final = Table(title="rankings, best first by validation", title_justify="left")
        for column in self._columns():
            first = column == self._columns()[0]
            final.add_column(column, justify="left" if first else "right", no_wrap=not first)
        for cells in self._cells():
            final.add_row(*cells)
        console.print(final)
        console.print(f"the answer is {self.answer}, the best by {NDCG.on('valid').title}")
        if cold := int(self.metrics["test/cold_users"]):
            basis = "popularity among users with their features, or among all"
            console.print(f"{cold} test users have no pair in training: ranked by {basis}")
        if unseen := int(self.metrics["test/unseen_items"]):
            console.print(f"{unseen} test items have no pair in training")

    def _columns(self) -> list[str]:
        titles = {metric.name: metric.title for metric in VALUES}
        return ["on test pairs", f"valid. {NDCG.title}", *(titles[name] for name in COLUMNS)]

    def _cells(self) -> list[list[str]]:
        """Return the rows of the final table as text."""
        return [
            [
                row.name,
                f"{row.valid[NDCG.name]:.4f}" if row.valid else "",
                *(f"{row.test[name]:.4f}" for name in COLUMNS),
            ]
            for row in self.rows
        ]


def draw_candidates(rows: Sequence[Row], path: Path) -> None:
    """Plot validation and test NDCG@10 of each ranker.

    Args:
        rows: The rankers.
        path: The PNG to write.
    """
    figure = plots.new_figure(7, 0.5 * len(rows) + 1.5)
    axes = figure.subplots()
    places = np.arange(len(rows))[::-1]
    for shift, split in ((0.2, "valid"), (-0.2, "test")):
        values = [getattr(row, split).get(NDCG.name, np.nan) for row in rows]
        axes.barh(places + shift, values, height=0.36, label=NDCG.on(split).title)
    axes.set_yticks(places, [row.name for row in rows])
    axes.set_xlabel(NDCG.title)
    axes.legend(frameon=False)
    plots.save(figure, path)
