"""The comparison of methods of ranking."""

from dataclasses import replace
from functools import partial

import torch

from nasp.errors import NaspError
from nasp.experiment import comparison_table as tables
from nasp.metric import Metrics
from nasp.runs.context import RunContext
from nasp.search import STRATEGIES, run_search
from nasp.search.pipeline import train
from sif.closed_forms import CLOSED_FORMS
from sif.comparison.config import WHOLE
from sif.comparison.task_comparison import Answer, Method, TaskComparison
from sif.data import TaskData
from sif.data.ranking_data import RankingData
from sif.evaluation.ranking import NDCG, evaluate_ranking
from sif.models.members import Member
from sif.models.ranking import POPULARITY, RankingModel
from sif.options import KNOWN, SearchOptions
from sif.reports.ranking import RankingReport
from sif.tasks.candidates import closed_form_candidates, tune_closed_forms
from sif.tasks.ranking import RankingTask
from sif.zoo import ZOO


def _task(data: TaskData, options: SearchOptions) -> RankingTask:
    encoded = RankingData.from_splits(
        data.splits.train, data.splits.valid, torch.device("cpu"), data.sides
    )
    return RankingTask(encoded, options, negatives=data.negatives)


def _closed_form(
    name: str, data: TaskData, options: SearchOptions, seed: int, run: RunContext
) -> Answer:
    """Tune a closed form, and fit its best options again to training and validation pairs."""
    encoded = _task(data, options).data
    tuned = tune_closed_forms(encoded, options.closed_form_trials, run, names=(name,))
    if name not in tuned:
        raise NaspError(f"{name}: {run.failed[name]}")
    (one,) = closed_form_candidates({name: tuned[name]}, encoded)
    assert one.refit is not None
    valid = evaluate_ranking(one.ranker.scorer(encoded.train), encoded.train, encoded.judged)
    model = RankingModel(name, [Member(name, one.refit())], encoded.encoder, encoded.known())
    test = model.evaluate(data.splits.test, trivial=False)
    return Answer(_named("valid", valid) | _named("test", test))


def _known(name: str, data: TaskData, options: SearchOptions, seed: int, run: RunContext) -> Answer:
    task = _task(data, replace(options, closed_form_trials=0))
    return _answer(RankingReport(task, train(task, name, ZOO[name], seed, run), data.splits))


def _found(data: TaskData, options: SearchOptions, seed: int, run: RunContext) -> Answer:
    """Search for a function alone, without models that compete."""
    return _whole(data, replace(options, closed_form_trials=0, known=()), seed, run)


def _whole(data: TaskData, options: SearchOptions, seed: int, run: RunContext) -> Answer:
    task = _task(data, options)
    report = RankingReport(task, run_search(task, seed, run), data.splits)
    return replace(_answer(report), found=report.answer)


def _answer(report: RankingReport) -> Answer:
    names = {name for name in report.metrics if name.startswith("valid/")}
    metrics = {name: report.metrics[name] for name in names}
    again = {n.removeprefix("refit/"): v for n, v in report.metrics.items() if "refit/" in n}
    return Answer(metrics | again)


def _named(split: str, metrics: Metrics) -> dict[str, float]:
    return {f"{split}/{name}": value for name, value in metrics.items()}


METHODS: dict[str, Method] = {
    **{name: partial(_closed_form, name) for name in CLOSED_FORMS},
    **{name: partial(_known, name) for name in KNOWN["ranking"]},
    **dict.fromkeys(STRATEGIES, _found),
    WHOLE: _whole,
}


class RankingComparison(TaskComparison):
    """Compares closed forms, known models, searches, and the whole search with all of them."""

    title, metric, task = "ranking", NDCG, "ranking"
    methods, always = METHODS, (POPULARITY,)
    columns = {  # noqa: RUF012 (never changed)
        "method": tables.method,
        "seeds": tables.seeds,
        "test NDCG@10": tables.mean_and_deviation("test/ndcg_10"),
        "NDCG@20": tables.mean_of("test/ndcg_20"),
        "recall@20": tables.mean_of("test/recall_20"),
        "MRR": tables.mean_of("test/mrr"),
        "coverage@10": tables.mean_of("test/coverage_10"),
        "validation NDCG@10": tables.mean_of("valid/ndcg_10"),
        "p": tables.significance("test/ndcg_10"),
        "s": tables.seconds(),
        "found": tables.found,
    }
    notes = (
        "Each method chooses options or epochs by validation NDCG@10 on each split. It is "
        "then fitted to training and validation pairs, and judged on the test pairs once: "
        "mean ± standard deviation over the seeds. The whole catalogue is ranked without the "
        "user's items. A closed form has `closed_form_trials` trials. A known model is "
        "trained once. A strategy's search trains several functions, and the best by "
        "validation counts; no other model competes. `search` is the command `sif.search`, "
        "whose answer may be an average of all of these. p: paired t-test against the best "
        "other row; s: seconds of everything."
    )
