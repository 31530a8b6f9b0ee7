"""A small search on CIFAR-10 on a CPU, whose cell is compared with random cells.

NASP searches on a part of the training images. The found cell and random cells of the same space
are trained alone in the same way, and evaluated once on the test images.

    python benchmarks/cnn_real.py --output runs/real
"""

import argparse
import statistics
from dataclasses import replace
from pathlib import Path

import torch
from searched_cells import heading, image_search, random_cells, resumed, train_cell

from nasp.atomic_io import write_text
from nasp.cnn import report
from nasp.cnn.data import LabelledImages, find_images, load_cifar, random_subset, split_images
from nasp.cnn.draw import draw_cells
from nasp.cnn.evaluation import ACCURACY
from nasp.cnn.images import ImagesInMemory
from nasp.cnn.options import SearchOptions, TrainOptions
from nasp.cnn.space import CNNSpace, decisions_of
from nasp.cnn.tasks import ImageTask
from nasp.metric import LOSS
from nasp.runs import plots
from nasp.search import run_search
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
    options = {k: v for k, v in vars(given).items() if k != "output"}
    images = load_cifar(find_images("cifar10"))
    search = SearchOptions(
        space=given.space,
        channels=given.channels,
        layers=given.layers,
        epochs=given.search_epochs,
        strategy={"name": "nasp", "learning_rate": given.architecture_learning_rate},
    )
    seen = random_subset(images.train, given.search_images, generator(given.seed, "search images"))
    task = image_search(seen, images.classes, search, given.seed)
    found = run_search(task, given.seed, resumed(given.output, "search", options))
    found.genotype.save(given.output / "genotype.json")
    draw_cells(found.genotype, given.output / "cells.png", "found by NASP")
    plots.curves(found.searches, report.DRAWN, given.output / "search.png", "Search")

    cells = {"found": found.genotype} | random_cells(
        CNNSpace.name, decisions_of(given.space, given.channels), given.random_cells, given.seed
    )
    train = random_subset(
        images.train, given.train_images, generator(given.seed, "training images")
    )
    test = random_subset(images.test, given.test_images, generator(given.seed, "test images"))
    task = training(train, test, images.classes, given)
    trained = {}
    for name, genotype in cells.items():
        run = resumed(given.output, name, options)
        trained[name] = report.TrainReport(task, train_cell(task, genotype, given.seed, run), name)
    histories = {name: cell.history for name, cell in trained.items()}
    drawn = (LOSS.on("train"), replace(ACCURACY.on("valid"), title="held-out accuracy"))
    plots.curves(histories, drawn, given.output / "training.png", "Cells trained alone")

    rows = {name: cell.metrics | cell.seconds for name, cell in trained.items()}
    others = [row["test/accuracy"] for name, row in rows.items() if name != "found"]
    lines = [
        *heading(options, f"{torch.get_num_threads()} threads"),
        f"The search took {found.seconds['search']:.0f} s.",
        "",
        "| cell | weights | test accuracy | test loss | training, s |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {row['model/parameters']} | {row['test/accuracy']:.4f} "
            f"| {row['test/loss']:.4f} | {row['train']:.0f} |"
            for name, row in rows.items()
        ),
        f"| mean of the random cells | | {statistics.mean(others):.4f} | | |",
    ]
    text = "\n".join(lines) + "\n"
    write_text(given.output / "table.md", text)
    print(text)


def training(
    train: LabelledImages, test: LabelledImages, classes: tuple[str, ...], given: argparse.Namespace
) -> ImageTask:
    """Return the task of the stand-alone trainings."""
    options = TrainOptions(
        channels=given.channels,
        layers=given.layers,
        epochs=given.train_epochs,
        batch_size=64,
        auxiliary_weight=0.0,
        drop_path_prob=0.0,
        cutout=0,
    )
    mine, held = split_images(train, 0.9, generator(given.seed, "held out"))
    images = ImagesInMemory(mine, held, test, classes, options.batch_size, options.cutout)
    return ImageTask(images, options)


if __name__ == "__main__":
    main()
