"""The comparison of methods of click prediction."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from nasp.core.genotype import Genotype
from nasp.experiment import comparison_table as tables
from nasp.runs.context import RunContext
from nasp.search import STRATEGIES, SearchResult, run_search
from nasp.search.pipeline import train
from nasp.training.seeding import generator
from sif.baselines import CLICK_BASELINES
from sif.click_fit import fit_clicks
from sif.comparison.config import WHOLE
from sif.comparison.task_comparison import Answer, Method, TaskComparison
from sif.data import TaskData
from sif.data.click_data import ClickData, Clicks
from sif.data.click_rates import TRIVIAL
from sif.evaluation.clicks import AUC, evaluate_clicks, temperature_of
from sif.models.click import predict_logits
from sif.options import KNOWN, SearchOptions
from sif.tasks.click import TOWERS, ClickTask, known_model, name_of

Predict = Callable[[Tensor], Tensor]
"""Returns logits `(rows,)` of table rows `(fields, rows)`."""


def _task(data: TaskData, options: SearchOptions) -> ClickTask:
    splits = data.splits
    encoded = ClickData.from_splits(splits.train, splits.valid, sides=data.sides)
    return ClickTask(encoded, replace(options, refit=False))


def _trivial(
    name: str, data: TaskData, options: SearchOptions, seed: int, run: RunContext
) -> Answer:
    task = _task(data, options)
    return _answer(task, data, lambda rows: task.rates.logits(name, rows, task.data.sizes), 0)


def _known(name: str, data: TaskData, options: SearchOptions, seed: int, run: RunContext) -> Answer:
    task = _task(data, options)
    choices = known_model(task.decisions(torch.Generator())[0], TOWERS[name])
    found = train(task, name, Genotype(task.name, choices), seed, run)
    return replace(_function(task, data, found), found="")


def _baseline(
    name: str, data: TaskData, options: SearchOptions, seed: int, run: RunContext
) -> Answer:
    task, random = _task(data, options), generator(seed, name)
    model = CLICK_BASELINES[name](task.data.sizes, options, random)
    fit_clicks(
        f"train {name}", model, task.data, options, epochs=task.epochs, generator=random, run=run
    )
    return _answer(task, data, partial(predict_logits, model), model.size())


def _found(data: TaskData, options: SearchOptions, seed: int, run: RunContext) -> Answer:
    """Search for a function alone, without models that compete."""
    task = _task(data, replace(options, known=()))
    return _function(task, data, run_search(task, seed, run))


def _whole(data: TaskData, options: SearchOptions, seed: int, run: RunContext) -> Answer:
    task = _task(data, options)
    model, _ = task.models(run_search(task, seed, run))
    answer = _answer(task, data, model.logits, model.network.size())
    return replace(answer, found=TRIVIAL.get(model.answer, name_of(model.genotype)))


def _function(task: ClickTask, data: TaskData, found: SearchResult) -> Answer:
    network = task.models(found)[0].network
    answer = _answer(task, data, partial(predict_logits, network), network.size())
    return replace(answer, found=name_of(found.genotype))


def _answer(task: ClickTask, data: TaskData, predict: Predict, parameters: int) -> Answer:
    """Return the metrics of logits that are calibrated on validation rows."""
    valid, test = task.data.valid, Clicks.encode(data.splits.test, task.data.encoder)
    logits, metrics = predict(valid.rows), {"model/parameters": float(parameters)}
    temperature = temperature_of(logits, valid.labels)
    for split, part, found in (("valid", valid, logits), ("test", test, predict(test.rows))):
        for name, value in evaluate_clicks(found / temperature, part.labels).items():
            metrics[f"{split}/{name}"] = value
    return Answer(metrics)


METHODS: dict[str, Method] = {
    **{name: partial(_trivial, name) for name in TRIVIAL},
    **{name: partial(_known, name) for name in KNOWN["click"]},
    **{name: partial(_baseline, name) for name in CLICK_BASELINES},
    **dict.fromkeys(STRATEGIES, _found),
    WHOLE: _whole,
}


class ClickComparison(TaskComparison):
    """Compares known and published models, searches, and the whole search with known models."""

    title, metric, task = "click", AUC, "click"
    methods, always = METHODS, tuple(TRIVIAL)
    columns = {  # noqa: RUF012 (never changed)
        "method": tables.method,
        "seeds": tables.seeds,
        "test AUC": tables.mean_and_deviation("test/auc"),
        "test log-loss": tables.mean_of("test/log_loss"),
        "validation AUC": tables.mean_of("valid/auc"),
        "p": tables.significance("test/auc"),
        "s": tables.seconds(),
        "parameters": tables.mean_of("model/parameters", 0),
        "found": tables.found,
    }
    notes = (
        "All methods have the same embeddings, optimiser and early stopping by validation AUC, and "
        "are trained on training rows alone. Logits are calibrated on validation rows. Test rows "
        "are judged once: mean ± standard deviation over the seeds. A known or published model is "
        "trained once. A strategy's search trains several functions, and the best by validation "
        "counts; no other model competes. `search` is the command `sif.search`, whose answer may "
        "be a known or a trivial model. Published models do not use side features. p: paired "
        "t-test against the best other row; s: seconds of everything."
    )
