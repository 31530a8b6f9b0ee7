"""A real search on CIFAR-10 that fits a CPU, and what its cell is worth beside random cells.

The cell that NASP finds on a part of the training images, and random cells of the same space, are
trained alone in the same way on training images and judged once on the test images.

    python benchmarks/cnn_real.py --output runs/real
"""

import argparse
import json
import statistics
from dataclasses import replace
from pathlib import Path

import torch
from nasp.cnn.judge import judge
from nasp.cnn.pipeline import find, train_alone
from nasp.cnn.task import in_memory

from nasp.atomic_io import write_text
from nasp.cnn import report
from nasp.cnn.data import Labelled, find_images, load_cifar, split, subset
from nasp.cnn.draw import draw_cells
from nasp.cnn.fit import logits_of
from nasp.cnn.options import SearchOptions, TrainOptions
from nasp.cnn.size import parameters
from nasp.cnn.space import decisions_of
from nasp.core.genotype import Genotype
from nasp.runs import plots
from nasp.runs.checkpoint import Checkpoint
from nasp.runs.context import Run
from nasp.runs.environment import describe
from nasp.runs.progress import Progress
from nasp.samplers import SAMPLERS
from nasp.training.seeding import generator


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--space", default="nasp")
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--layers", type=int, default=5)
    parser.add_argument("--search_images", type=int, default=10_000)
    parser.add_argument("--search_epochs", type=int, default=12)
    parser.add_argument("--architecture_learning_rate", type=float, default=3e-3)
    parser.add_argument("--train_images", type=int, default=10_000)
    parser.add_argument("--train_epochs", type=int, default=8)
    parser.add_argument("--random_cells", type=int, default=5)
    parser.add_argument("--test_images", type=int, default=10_000)
    parser.add_argument("--output", type=Path, default=Path("runs/cnn_real"))
    given = parser.parse_args(argv)
    given.output.mkdir(parents=True, exist_ok=True)
    images = load_cifar(find_images("cifar10"))
    # A run that was stopped goes on; it refuses to with other options.
    options = {k: v for k, v in vars(given).items() if k != "output"}
    run = Run(Checkpoint(given.output / "checkpoint", options, resume=True), Progress(quiet=False))
    search = SearchOptions(
        space=given.space,
        channels=given.channels,
        layers=given.layers,
        epochs=given.search_epochs,
        architecture_learning_rate=given.architecture_learning_rate,
    )
    seen = subset(images.train, given.search_images, generator(given.seed, "search images"))
    found = find(seen, images.classes, search, given.seed, run)
    searched = found.histories["search"][-1]["time/seconds"]
    found.genotype.save(given.output / "genotype.json")
    draw_cells(found.genotype, given.output / "cells.png", "found by NASP")
    plots.curves(found.histories, report.LABELS, given.output / "search.png", "Search")

    sampler = SAMPLERS["random"](
        decisions_of(given.space, given.channels), generator(given.seed, "random cells")
    )
    cells = {"found": found.genotype} | {
        f"random {i + 1}": Genotype("cnn", sampler.ask().choices) for i in range(given.random_cells)
    }
    train = subset(images.train, given.train_images, generator(given.seed, "training images"))
    test = subset(images.test, given.test_images, generator(given.seed, "test images"))
    rows, histories = compare(cells, train, test, images.classes, given, run)
    labels = {"train/loss": "training loss", "valid/accuracy": "held-out accuracy"}
    plots.curves(histories, labels, given.output / "training.png", "Cells trained alone")

    place = describe(torch.device("cpu"))
    others = [row["accuracy"] for name, row in rows.items() if name != "found"]
    lines = [
        f"{place['device']}, {torch.get_num_threads()} threads; commit {place['commit']}.",
        f"Options: {json.dumps(options)}.",
        f"The search took {searched:.0f} s.",
        "",
        "| cell | weights | test accuracy | test loss | training, s |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {row['parameters']} | {row['accuracy']:.4f} | {row['loss']:.4f} "
            f"| {row['seconds']:.0f} |"
            for name, row in rows.items()
        ),
        f"| mean of the random cells | | {statistics.mean(others):.4f} | | |",
    ]
    text = "\n".join(lines) + "\n"
    write_text(given.output / "table.md", text)
    print(text)


def compare(
    cells: dict[str, Genotype],
    train: Labelled,
    test: Labelled,
    classes: tuple[str, ...],
    given: argparse.Namespace,
    run: Run,
) -> tuple[dict[str, dict[str, float]], dict[str, list[dict[str, float]]]]:
    options = TrainOptions(
        channels=given.channels,
        layers=given.layers,
        epochs=given.train_epochs,
        batch_size=64,
        auxiliary_weight=0.0,
        drop_path_prob=0.0,
        cutout=0,
    )
    mine, held = split(train, 0.9, generator(given.seed, "held out"))
    task = in_memory(mine, held, test, classes, options.batch_size, options.cutout)
    rows, histories = {}, {}
    quiet = replace(run, log=lambda metrics, step: None)
    for name, genotype in cells.items():
        network, history = train_alone(
            name, genotype, task, options, generator(given.seed, "train"), quiet
        )
        judged = judge(logits_of(network, options.numbers(task.device)), task.test(), "test")
        histories[name] = history
        rows[name] = {
            "parameters": parameters(network),
            "accuracy": judged["test/accuracy"],
            "loss": judged["test/loss"],
            "seconds": history[-1]["time/seconds"],
        }
    return rows, histories


if __name__ == "__main__":
    main()
