"""Time and memory of a search iteration of CNN cells, for this code and its rivals.

An iteration is an architecture step and a weight step. All methods use the same modules, batches
and threads, and alternate in one process. The peak memory of the architecture step is measured in a
separate process, as the increase by the step. "As published" also computes gradients of the weights
in the architecture step and discards them, like the authors' code of NASP and DARTS.

    OMP_NUM_THREADS=1 python benchmarks/cnn_step.py
"""

import argparse
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from search_steps import FullNASP, PublishedDARTS, PublishedNASP, Steps
from timing import medians

from nasp.cnn.data import LabelledImages
from nasp.cnn.images import ImagesInMemory
from nasp.cnn.options import SearchOptions
from nasp.cnn.tasks import ImageTask
from nasp.strategies import Strategy

METHODS: Mapping[str, tuple[str, type[Strategy] | None]] = {
    "NASP, one path (ours)": ("nasp", None),
    "NASP, all under autograd, gradients of A alone": ("nasp", FullNASP),
    "NASP, all under autograd, as published": ("nasp", PublishedNASP),
    "DARTS first order (ours)": ("darts", None),
    "DARTS first order, as published": ("darts", PublishedDARTS),
    "DARTS second order (finite difference)": ("darts2", None),
}
"""The strategy whose options are used, and the class that replaces the strategy, if any."""
OURS = "NASP, one path (ours)"
ROWS = {
    "nasp": [name for name in METHODS if name.startswith("NASP")],
    "darts": [OURS, *(name for name in METHODS if name.startswith("DARTS"))],
}
CLASSES = tuple("0123456789")


def image_search(options: SearchOptions) -> tuple[ImageTask, tuple[Any, Any]]:
    """Make a search on two batches of random images, and these batches."""
    random = torch.Generator().manual_seed(1)
    shape = (options.batch_size, 3, 32, 32)
    train, valid = (
        LabelledImages(
            torch.randint(256, shape, dtype=torch.uint8, generator=random),
            torch.randint(len(CLASSES), shape[:1], generator=random),
        )
        for _ in range(2)
    )
    images = ImagesInMemory(train, valid, None, CLASSES, options.batch_size, options.cutout)
    task = ImageTask(images, options)
    (batches,) = task.batch_pairs(random)
    return task, batches


def begin(space: str, method: str, options: SearchOptions) -> tuple[Steps, tuple[Any, Any]]:
    """Make a method's search in a space, and its batches; see `image_search`."""
    strategy, rival = METHODS[method]
    task, batches = image_search(replace(options, space=space, strategy=strategy))
    return Steps(task, rival), batches


def held_mb() -> float:
    """Return this process's peak memory; `getrusage` would include its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--channels_first", action="store_true")
    parser.add_argument("--memory_of", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    options = SearchOptions(batch_size=arguments.batch, channels_last=not arguments.channels_first)
    if arguments.memory_of:
        steps, batches = begin(*arguments.memory_of, options)
        before = held_mb()
        for _ in range(2):
            steps.architecture(*batches)
        print(held_mb() - before)
        return
    layout = "first" if arguments.channels_first else "last"
    print(
        f"batch {arguments.batch}, {options.layers} cells, {options.channels} channels, float32, "
        f"channels {layout}, {torch.get_num_threads()} threads; median of {arguments.rounds} rounds"
    )
    print("| space | method | architecture, s | weights, s | iteration, s | times ours | peak MB |")
    print("|---|---|---|---|---|---|---|")
    for space, names in ROWS.items():
        searches = {name: begin(space, name, options) for name in names}
        times = medians(
            {name: partial(steps.iteration, *pair) for name, (steps, pair) in searches.items()},
            arguments.rounds,
        )
        for name, (architecture, weights, whole) in times.items():
            command = [sys.executable, *sys.argv, "--memory_of", space, name]
            memory = float(subprocess.run(command, capture_output=True, check=True).stdout)
            print(
                f"| {space} | {name} | {architecture:.3f} | {weights:.3f} | {whole:.3f} "
                f"| {whole / times[OURS][2]:.2f} | {memory:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
