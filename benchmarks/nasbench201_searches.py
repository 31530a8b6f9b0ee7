"""Searches of the space of NAS-Bench-201 on shared weights, whose cells are looked up in its table.

Each search sees a few thousand images of CIFAR-10, halved to 16 × 16 pixels, and a small network.
Nothing is trained again: the table has the accuracy of every cell after 200 epochs in the
benchmark's own network. A file keeps the searches that have ended; those are not repeated.

    python benchmarks/nasbench201_searches.py --output FILE.csv --strategies nasp gdas --seeds 1 2 3

A strategy may be a mapping: '{"name": "nasp", "margin": 0, "scale": "weight"}'.
"""

import argparse
import csv
import json
import os
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
import yaml
from torch.nn.functional import avg_pool2d

from nasp.cnn.data import LabelledImages, find_images, load_cifar
from nasp.cnn.genotype import text_of
from nasp.cnn.images import halves, in_memory
from nasp.cnn.nasbench201 import to_text
from nasp.cnn.options import SearchOptions
from nasp.cnn.spaces import NASBENCH201
from nasp.cnn.tasks import ImageTask
from nasp.core.genotype import Genotype
from nasp.runs.context import RunContext
from nasp.search import run_search
from nasp.tabular.nasbench201 import DATA, NASBench201

COLUMNS = ("strategy", "options", "seed", "cell", "valid_accuracy", "gap", "flips", "seconds")
Row = dict[str, str]


def halved(options: SearchOptions, seed: int) -> ImageTask:
    """Return a search on images of CIFAR-10, halved to 16 × 16 pixels."""
    images = load_cifar(find_images("cifar10", None))
    train, valid = halves(len(images.train), options.images, options.train_fraction, seed)
    chosen = images.train[torch.cat([train, valid])]
    pixels = avg_pool2d(chosen.images.float(), 2).round().to(torch.uint8)
    found = replace(images, train=LabelledImages(pixels, chosen.labels))
    order = torch.arange(len(chosen))
    parts = order[: len(train)], order[len(train) :]
    return ImageTask(in_memory(found, *parts, options, torch.device("cpu")), options)


def searched(strategy: Mapping[str, Any], seed: int, options: Mapping[str, Any]) -> Row:
    """Search once and return the row of the search.

    Args:
        strategy: Its name and options.
        seed: Seed of the split of the images and of the search.
        options: Other options of the search.
    """
    given = SearchOptions(strategy=dict(strategy), space=NASBENCH201, **options)
    torch.set_num_threads(1)
    start = time.process_time()
    task = halved(given, seed)
    found = run_search(task, seed, RunContext())
    seconds = time.process_time() - start
    (history,) = found.searches.values()
    last = history[-1]
    gap = last.get("relaxed/accuracy", last["valid/accuracy"]) - last["valid/accuracy"]
    return {
        "strategy": json.dumps(dict(strategy), sort_keys=True),
        "options": json.dumps(dict(options), sort_keys=True),
        "seed": str(seed),
        "cell": text_of(found.genotype),
        "valid_accuracy": f"{found.metrics['valid/accuracy']:.4f}",
        "gap": f"{gap:.4f}",
        "flips": f"{sum(epoch['arch/flips'] for epoch in history):.0f}",
        "seconds": f"{seconds:.1f}",
    }


def read(path: Path) -> list[Row]:
    """Return the rows of a file, none if it does not exist."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def append(path: Path, row: Row) -> None:
    """Add a row to the file."""
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerow(row)


def accuracies(path: Path) -> dict[str, tuple[float, ...]]:
    """Return the test accuracies after 200 epochs of each cell on the three data sets, in %."""
    problems = NASBench201().read(path)
    judged = [problems[name].splits[0].judged for name in DATA]
    space = problems[DATA[0]].decisions
    return {
        to_text(Genotype(NASBENCH201, dict(zip((d.name for d in space), key, strict=True)))): tuple(
            100 - errors[key] for errors in judged
        )
        for key in judged[0]
    }


def table(rows: Sequence[Row], known: Mapping[str, tuple[float, ...]]) -> str:
    """Return the table of the searches in Markdown, the best mean on CIFAR-10 first."""
    lines = []
    for strategy in dict.fromkeys(row["strategy"] for row in rows):
        own = [row for row in rows if row["strategy"] == strategy]
        found = [known[row["cell"]] for row in own]
        means = [statistics.mean(part) for part in zip(*found, strict=True)]
        spread = [
            f" ± {statistics.stdev(v):.2f}" if len(v) > 1 else "" for v in zip(*found, strict=True)
        ]
        cells = [f"{mean:.2f}{around}" for mean, around in zip(means, spread, strict=True)]
        worst = min(value[0] for value in found)
        seconds = statistics.mean(float(row["seconds"]) for row in own)
        flips = statistics.mean(float(row["flips"]) for row in own)
        gap = statistics.mean(float(row["gap"]) for row in own)
        lines.append(
            (
                means[0],
                f"| {label(strategy)} | {len(own)} | {' | '.join(cells)} | {worst:.2f} | "
                f"{gap:+.3f} | {flips:.0f} | {seconds:.0f} |",
            )
        )
    for name, values in (
        ("*best of the table*", [max(part) for part in zip(*known.values(), strict=True)]),
        ("*random cell, mean*", [statistics.mean(v) for v in zip(*known.values(), strict=True)]),
    ):
        shown = " | ".join(f"{value:.2f}" for value in values)
        lines.append((values[0], f"| {name} | {len(known)} | {shown} | | | | |"))
    head = f"| strategy | searches | {' | '.join(DATA)} | worst | gap | flips | s |"
    ordered = [line for _, line in sorted(lines, reverse=True)]
    return "\n".join([head, "|---" * 8 + "|", *ordered])


def label(strategy: str) -> str:
    """Return a strategy's name and options as text."""
    given = json.loads(strategy)
    name = given.pop("name")
    return ", ".join([name, *(f"{key} {value}" for key, value in given.items())])


def strategies(texts: Iterable[str]) -> list[dict[str, Any]]:
    """Return the name and options of each strategy of the command line."""
    read = [yaml.safe_load(text) for text in texts]
    named = [given if isinstance(given, dict) else {"name": given} for given in read]
    return [
        {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()} for given in named
    ]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="csv of the searches")
    parser.add_argument("--table", type=Path, help="accuracies of all cells; of NASP_DATA if unset")
    parser.add_argument("--strategies", nargs="*", default=["nasp", "gdas"])
    parser.add_argument("--seeds", nargs="*", type=int, default=[1, 2, 3])
    numbers = ("channels", "layers", "images", "batch_size", "epochs", "warm_up", "restarts")
    kinds = {field.name: field.type for field in fields(SearchOptions)}
    small = {"channels": 8, "layers": 5, "images": 5000, "epochs": 25, "warm_up": 0, "restarts": 1}
    for name in numbers:
        assert "int" in str(kinds[name])
        parser.add_argument(f"--{name}", type=int, default=small.get(name, 64))
    parser.add_argument("--partial_channels", type=int, default=1)
    parser.add_argument("--start", default="random", help="random or synflow")
    given = parser.parse_args(argv)
    options = {name: getattr(given, name) for name in (*numbers, "start")} | {"finalists": 0}
    if given.partial_channels > 1:
        options["partial_channels"] = given.partial_channels
    done = {(row["strategy"], row["options"], row["seed"]) for row in read(given.output)}
    for seed in given.seeds:
        for strategy in strategies(given.strategies):
            row = {"strategy": strategy, "options": options}
            key = (*(json.dumps(part, sort_keys=True) for part in row.values()), str(seed))
            if key not in done:
                append(given.output, searched(strategy, seed, options))
                print("searched", *key, flush=True)
    folder = Path(os.environ.get("NASP_DATA", "."))
    known = accuracies(given.table or folder / "nas-bench-201" / "accuracies.csv")
    chosen = json.dumps(options, sort_keys=True)
    print(table([row for row in read(given.output) if row["options"] == chosen], known))


if __name__ == "__main__":
    main()
