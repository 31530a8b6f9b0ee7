"""Compare the search for functions of clicks with published models, on the same rows.

    python benchmarks/click.py --data frappe-click --data_dir DIR --seeds 1,2,3

All models have the default options of the task click, and the same embeddings, optimiser, averaging
and early stopping. A published model is trained once for each of `SETTINGS`, and validation AUC
chooses; the search trains two finalists, after three searches on shared weights, and `random
members` trains four members of the space, drawn at random. No known model competes with them.
Logits are calibrated on validation rows (one temperature). Test rows are evaluated once for each
line.
"""

import argparse
import statistics
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from nasp.runs.context import RunContext
from nasp.search import run_search
from nasp.training.seeding import generator
from sif.baselines import CLICK_BASELINES
from sif.click_fit import fit_clicks
from sif.config import SearchConfig
from sif.data.click_data import ClickData, Clicks
from sif.data.click_rates import TRIVIAL
from sif.evaluation.clicks import evaluate_clicks, temperature_of
from sif.models.click import predict_logits
from sif.nn.field_model import FieldModel
from sif.tasks.click import ClickTask, name_of

SETTINGS: tuple[dict[str, float], ...] = (
    {},
    {"learning_rate": 0.003},
    {"weight_decay": 0.01},
)
SEARCHES = {"search": "nasp", "random members": "random"}


def judged(logits: Tensor, valid: Clicks, of_test: Tensor, test: Clicks) -> dict[str, float]:
    """Return the metrics of calibrated logits of validation and test rows."""
    temperature = temperature_of(logits, valid.labels)
    found = {}
    for part, values, data in (("valid", logits, valid), ("test", of_test, test)):
        for name, value in evaluate_clicks(values / temperature, data.labels).items():
            found[f"{part}/{name}"] = value
    return found


def of_network(network: FieldModel, valid: Clicks, test: Clicks) -> dict[str, float]:
    """Return the metrics of a network, and its size."""
    logits = (predict_logits(network, part.rows) for part in (valid, test))
    return {**judged(next(logits), valid, next(logits), test), "parameters": network.size()}


def published(
    name: str, config: SearchConfig, data: ClickData, test: Clicks, seed: int, settings: int
) -> dict[str, float]:
    """Train a baseline with some settings, and return the metrics of the best by validation."""
    best, kept = -1.0, {}
    for number, setting in enumerate(SETTINGS[:settings]):
        options = replace(config, **setting)
        random = generator(seed, name, number)
        model = CLICK_BASELINES[name](data.sizes, options, random)
        outcome = fit_clicks(
            f"train {name} {number}",
            model,
            data,
            options,
            epochs=config.train_epochs,
            generator=random,
            run=RunContext(),
        )
        auc = outcome.history[outcome.best_epoch]["valid/auc"]
        if auc > best:
            best, kept = auc, of_network(model, data.valid, test)
    return kept


def searched(
    strategy: str, config: SearchConfig, data: ClickData, test: Clicks, seed: int
) -> dict[str, float]:
    """Search, print what is found, and return its metrics."""
    task = ClickTask(
        data, replace(config, strategy=strategy, trials=2 * config.finalists, known=())
    )
    found = run_search(task, seed, RunContext())
    model, again = task.models(found)
    print(f"  found by {strategy}, seed {seed}: {name_of(model.genotype)}", flush=True)
    metrics = of_network(model.network, data.valid, test)
    if again is not None:
        values = again.metrics(test)
        metrics |= {f"refit/{name}": values[name] for name in ("auc", "log_loss")}
    return metrics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="frappe-click")
    parser.add_argument("--data_dir", type=Path, default=None)
    parser.add_argument("--seeds", default="1")
    every = ["trivial", *CLICK_BASELINES, *SEARCHES]
    parser.add_argument("--models", default=",".join(every), help="comma-separated")
    parser.add_argument("--settings", type=int, default=len(SETTINGS), help="of published models")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows: dict[str, list[dict[str, float]]] = {}
    for seed in map(int, options.seeds.split(",")):
        config = SearchConfig(data=options.data, data_dir=options.data_dir).resolved()
        splits = config.task_data(seed).splits
        config = config.for_task("click", 0)
        data = ClickData.from_splits(splits.train, splits.valid)
        test = Clicks.encode(splits.test, data.encoder)
        for name in options.models.split(","):
            start, found = time.perf_counter(), dict[str, dict[str, float]]()
            if name == "trivial":
                rates = ClickTask(data, config).rates
                for model in TRIVIAL:
                    valid, of_test = (
                        rates.logits(model, part.rows, data.sizes) for part in (data.valid, test)
                    )
                    found[model] = judged(valid, data.valid, of_test, test)
            elif name in SEARCHES:
                found[name] = searched(SEARCHES[name], config, data, test, seed)
            else:
                found[name] = published(name, config, data, test, seed, options.settings)
            for model, metrics in found.items():
                metrics["seconds"] = time.perf_counter() - start
                rows.setdefault(model, []).append(metrics)
                shown = "  ".join(f"{key} {value:.4f}" for key, value in metrics.items())
                print(f"{model}, seed {seed}: {shown}", flush=True)
    print("\n| model | seeds | valid AUC | test AUC | test log-loss | parameters | seconds |")
    print("|---" * 7 + "|")
    for model, measured in rows.items():
        cells = [model, str(len(measured))]
        for key in ("valid/auc", "test/auc", "test/log_loss"):
            values = [one[key] for one in measured]
            spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
            cells.append(f"{statistics.mean(values):.4f}{spread}")
        cells += [f"{measured[0].get('parameters', 0):,.0f}"]
        cells += [f"{statistics.mean(one['seconds'] for one in measured):.0f}"]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
