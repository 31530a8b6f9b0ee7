"""Rankings by closed forms: each tuned with the same number of trials, then judged on test once.

A trial fits options on training pairs, and `--metric` on validation pairs judges it. The best
options are fitted to training and validation pairs together, and judged on the test pairs.
`average` adds the standardised scores of the others, fitted with their best options; its trials
are weights. Tables are split by user, 70 / 10 / 20 %, or, if their card names test data, 10 % of
each user's training pairs are for validation. Every rating is a positive. With `--output`, the same
command continues after the trials that the file has.

    python benchmarks/closed_forms.py --data movielens --trials 40 --output movielens.json
"""

import argparse
import json
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nasp.atomic_io import write_text
from sif.closed_forms import CLOSED_FORMS, Bound, ClosedForm
from sif.closed_forms.average import average
from sif.closed_forms.base import SHARE
from sif.closed_forms.tuning import next_options
from sif.data import Encoder, Table, given_splits, load_ratings, split_ratings
from sif.data.locate import given_parts
from sif.evaluation.ranking import Scorer, evaluate_ranking
from sif.user_items import UserItems

AVERAGE = "average"
Trials = list[dict[str, Any]]
"""Of each trial: `options` and `value`."""


def split_pairs(name: str, seed: int) -> tuple[UserItems, UserItems, UserItems]:
    """Return training, validation and test pairs of a table."""
    table, (_, given) = load_ratings(name, pairs=True), given_parts(name)
    if given is None:
        splits = split_ratings(table, by="user", fractions=(0.7, 0.1, 0.2), seed=seed)
    else:
        test = load_ratings(given, pairs=True)
        splits = given_splits(table, None, test, by="user", fraction=0.1, seed=seed)
    assert splits.train.rows is not None and splits.valid.rows is not None
    known = replace(splits.train, rows=np.concatenate([splits.train.rows, splits.valid.rows]))
    encoder = Encoder.fit(known)

    def encoded(table: Table) -> UserItems:
        users, items = (torch.from_numpy(at).long() for at in encoder.positions(table)[:2])
        return UserItems.of(users, items, (encoder.sizes[0], encoder.sizes[1]))

    return encoded(splits.train), encoded(splits.valid), encoded(splits.test)


def union(one: UserItems, other: UserItems) -> UserItems:
    users = torch.cat([one.users(), other.users()])
    return UserItems.of(users, torch.cat([one.items, other.items]), one.shape)


def some_users(pairs: UserItems, count: int | None, seed: int) -> UserItems:
    """Return the pairs of `count` users drawn at random."""
    order = torch.randperm(pairs.shape[0], generator=torch.Generator().manual_seed(seed))
    kept = torch.isin(pairs.users(), order[:count])
    return UserItems.of(pairs.users()[kept], pairs.items[kept], pairs.shape)


def fitted(name: str, options: Mapping[str, Any], pairs: UserItems, seed: int) -> ClosedForm:
    model = CLOSED_FORMS[name]
    return model.fit(pairs, model.Options(**options), torch.Generator().manual_seed(seed))


class Study:
    """The trials of all models on one split.

    Args:
        arguments: Those of the command.
        seed: Seed of the split and of the trials.
        record: What is known of this split, by model; it is added to.
        save: Saves all records.
    """

    def __init__(self, arguments: Any, seed: int, record: dict[str, Any], save: Any) -> None:
        self.train, self.valid, self.test = split_pairs(arguments.data, seed)
        self.known = union(self.train, self.valid)
        self.judged = some_users(self.valid, arguments.users, seed)
        self.arguments, self.seed, self.record, self.save = arguments, seed, record, save

    def tune(self, name: str, bounds: Mapping[str, Bound], scorer: Any) -> None:
        """Add trials until there are enough; `scorer` makes a scorer of options."""
        trials: Trials = self.record.setdefault(name, {}).setdefault("trials", [])
        count = self.arguments.trials if bounds else 1
        while len(trials) < count:
            options = next_options(bounds, trials, self.start(name, bounds), self.seed)
            start = time.process_time()
            values = evaluate_ranking(scorer(options), self.train, self.judged)
            value = values[self.arguments.metric]
            seconds = round(time.process_time() - start, 1)
            trials.append({"options": options, "value": value, "seconds": seconds})
            print(f"{name} {len(trials)}/{count}: {value:.4f} {options}", flush=True)
            self.save()

    def start(self, name: str, bounds: Mapping[str, Bound]) -> dict[str, Any]:
        """Return the options of the first trial."""
        if name == AVERAGE:
            return dict.fromkeys(bounds, 0.5)
        defaults = CLOSED_FORMS[name].Options()
        return {option: getattr(defaults, option) for option in bounds}

    def best(self, name: str) -> dict[str, Any]:
        trials: Trials = self.record[name]["trials"]
        best: dict[str, Any] = max(trials, key=lambda trial: float(trial["value"]))
        return best

    def run(self, name: str) -> None:
        """Tune a model and judge it on the test pairs."""

        def scorer(options: Mapping[str, Any]) -> Scorer:
            return fitted(name, options, self.train, self.seed).scorer(self.train)

        self.tune(name, CLOSED_FORMS[name].bounds, scorer)
        if "test" not in self.record[name]:
            start = time.process_time()
            model = fitted(name, self.best(name)["options"], self.known, self.seed)
            middle = time.process_time()
            self.judge(name, model.scorer(self.known))
            end = time.process_time()
            self.record[name] |= {"fit_s": middle - start, "judge_s": end - middle}
            self.save()

    def run_average(self, names: list[str]) -> None:
        """Tune the weights of an average of tuned models and judge it on the test pairs."""

        def scorers(pairs: UserItems) -> list[Scorer]:
            options = {name: self.best(name)["options"] for name in names}
            return [fitted(n, options[n], pairs, self.seed).scorer(pairs) for n in names]

        tuned = scorers(self.train)
        bounds = dict.fromkeys(names, SHARE)
        self.tune(AVERAGE, bounds, lambda weights: average(tuned, list(weights.values())))
        if "test" not in self.record[AVERAGE]:
            weights = list(self.best(AVERAGE)["options"].values())
            self.judge(AVERAGE, average(scorers(self.known), weights))

    def judge(self, name: str, scorer: Scorer) -> None:
        self.record[name]["test"] = evaluate_ranking(scorer, self.known, self.test)
        self.save()


def mean_and_spread(values: list[float]) -> str:
    spread = f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else ""
    return f"{np.mean(values):.4f}{spread}"


def report(records: Mapping[str, Any], metric: str) -> None:
    """Print a table of the test values, means over the seeds."""
    names = list(dict.fromkeys(name for record in records.values() for name in record))
    columns = ["ndcg_10", "ndcg_20", "recall_20", "hit_rate_10", "mrr", "coverage_10"]
    print(f"| model | validation {metric} | " + " | ".join(f"test {c}" for c in columns), end="")
    print(" | fit and judge, seconds |\n" + "|---" * (len(columns) + 3) + "|")
    for name in names:
        rows = [r[name] for r in records.values() if "test" in r.get(name, {})]
        if not rows:
            continue
        valid = mean_and_spread([max(t["value"] for t in row["trials"]) for row in rows])
        tests = [mean_and_spread([row["test"][c] for row in rows]) for c in columns]
        seconds = [row.get(part, math.nan) for row in rows for part in ("fit_s", "judge_s")]
        times = f"{np.median(seconds[::2]):.1f}, {np.median(seconds[1::2]):.1f}"
        print("| " + " | ".join([name, valid, *tests, times]) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="movielens", help="as for sif.search")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--trials", type=int, default=40, help="of each model")
    parser.add_argument("--metric", default="ndcg_10", help="the validation metric to tune by")
    parser.add_argument("--users", type=int, help="judge trials on so many users, drawn at random")
    parser.add_argument("--models", nargs="+", default=list(CLOSED_FORMS))
    parser.add_argument("--no_average", action="store_true", help="leave out the average")
    parser.add_argument("--output", type=Path, help="JSON of all trials, for continuing")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    records: dict[str, Any] = {}
    if arguments.output and arguments.output.exists():
        records = json.loads(arguments.output.read_text())

    def save() -> None:
        if arguments.output:
            write_text(arguments.output, json.dumps(records, indent=1))

    for seed in arguments.seeds:
        study = Study(arguments, seed, records.setdefault(str(seed), {}), save)
        for name in arguments.models:
            study.run(name)
        if not arguments.no_average:
            study.run_average([name for name in arguments.models if CLOSED_FORMS[name].bounds])
    report(records, arguments.metric)


if __name__ == "__main__":
    main()
