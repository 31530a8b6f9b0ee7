"""Small searches on CIFAR-10 on a CPU, whose cells are compared with random cells.

NASP searches on a part of the training images, once for each seed. The found cells and as many
random cells of the same space are trained alone in the same way, and evaluated once on the test
images. A stopped run can be continued.

    python benchmarks/cnn_real.py --output runs/cnn_real
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from searched_cells import heading, image_search, random_cells, resumed, summary, train_cell

from nasp.atomic_io import write_text
from nasp.cnn import report
from nasp.cnn.data import LabelledImages, find_images, load_cifar, random_subset, split_images
from nasp.cnn.draw import draw_cells
from nasp.cnn.evaluation import ACCURACY
from nasp.cnn.genotype import SPACE
from nasp.cnn.images import ImagesInMemory
from nasp.cnn.options import SearchOptions, TrainOptions
from nasp.cnn.space import decisions_of
from nasp.cnn.tasks import ImageTask
from nasp.core.genotype import Genotype
from nasp.metric import LOSS, Metrics
from nasp.runs import plots
from nasp.search import SearchResult, run_search
from nasp.training.seeding import generator

History = list[Metrics]


def search(given: argparse.Namespace, seed: int) -> SearchResult:
    """Search from a seed."""
    torch.set_num_threads(1)
    images = load_cifar(find_images("cifar10"))
    options = SearchOptions(
        space=given.space,
        channels=given.channels,
        layers=given.layers,
        epochs=given.search_epochs,
        strategy={"name": "nasp"} | json.loads(given.strategy),
    )
    seen = random_subset(images.train, given.search_images, generator(seed, "search images"))
    task = image_search(seen, images.classes, options, seed)
    return run_search(task, seed, resumed(given.output, f"search {seed}", options_of(given)))


def train(given: argparse.Namespace, name: str, genotype: Genotype) -> tuple[Metrics, History]:
    """Train a cell alone; return what was measured, and the metrics of each epoch."""
    torch.set_num_threads(1)
    images = load_cifar(find_images("cifar10"))
    mine = random_subset(images.train, given.train_images, generator(given.seed, "training images"))
    test = random_subset(images.test, given.test_images, generator(given.seed, "test images"))
    task = training(mine, test, images.classes, given)
    run = resumed(given.output, name, options_of(given))
    trained = report.TrainReport(task, train_cell(task, genotype, given.seed, run), name)
    return trained.metrics | trained.seconds, list(trained.history)


def options_of(given: argparse.Namespace) -> dict[str, Any]:
    """Return the options that the results depend on."""
    return {k: v for k, v in vars(given).items() if k not in ("output", "seeds", "jobs")}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the trainings and random cells")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5], help="of searches")
    parser.add_argument("--space", default="nasp")
    parser.add_argument("--channels", type=int, default=8)
    parser.add_argument("--layers", type=int, default=5)
    parser.add_argument("--search_images", type=int, default=5_000)
    parser.add_argument("--search_epochs", type=int, default=8)
    parser.add_argument(
        "--strategy", default='{"learning_rate": 0.003}', help="options of NASP, as JSON"
    )
    parser.add_argument("--train_images", type=int, default=10_000)
    parser.add_argument("--train_epochs", type=int, default=6)
    parser.add_argument("--random_cells", type=int, default=5)
    parser.add_argument("--test_images", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=2, help="processes, of one thread each")
    parser.add_argument("--output", type=Path, default=Path("runs/cnn_real"))
    given = parser.parse_args(argv)
    others = random_cells(
        SPACE, decisions_of(given.space, given.channels), given.random_cells, given.seed
    )
    with ProcessPoolExecutor(given.jobs) as pool:
        found = dict(zip(given.seeds, pool.map(partial(search, given), given.seeds), strict=True))
        cells = {f"found {seed}": one.genotype for seed, one in found.items()} | others
        rows = dict(zip(cells, pool.map(partial(train, given), cells, cells.values()), strict=True))
    for name, genotype in cells.items():
        if name not in others:
            genotype.save(given.output / f"{name.replace(' ', '_')}.json")
            draw_cells(genotype, given.output / f"{name.replace(' ', '_')}.png", name)
    histories = {f"seed {seed}": one.searches["search"] for seed, one in found.items()}
    plots.curves(histories, report.DRAWN, given.output / "search.png", "Search")
    drawn = (LOSS.on("train"), replace(ACCURACY.on("valid"), title="held-out accuracy"))
    histories = {name: history for name, (_, history) in rows.items()}
    plots.curves(histories, drawn, given.output / "training.png", "Cells trained alone")
    seconds = sum(one.seconds["search"] for one in found.values())
    lines = [
        *heading(options_of(given), f"{given.jobs} processes of one thread"),
        f"The {len(found)} searches took {seconds:.0f} s of one thread.",
        "",
        "| cell | weights | test accuracy | test loss | training, s |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {row['model/parameters']} | {row['test/accuracy']:.4f} "
            f"| {row['test/loss']:.4f} | {row['train']:.0f} |"
            for name, (row, _) in rows.items()
        ),
        "",
        *summary(
            ACCURACY.on("test"),
            {
                label: [row["test/accuracy"] for name, (row, _) in rows.items() if label in name]
                for label in ("found", "random")
            },
        ),
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
