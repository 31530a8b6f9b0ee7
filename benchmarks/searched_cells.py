"""Common parts of the benchmarks of searched cells: resumable runs, random cells, headings."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from nasp.cnn.data import LabelledImages, split_images
from nasp.cnn.images import ImagesInMemory
from nasp.cnn.options import SearchOptions
from nasp.cnn.tasks import ImageTask
from nasp.core.decision import Decision
from nasp.core.genotype import Genotype
from nasp.metric import Metric
from nasp.runs.checkpoint import Checkpoint
from nasp.runs.context import RunContext
from nasp.runs.environment import describe
from nasp.runs.progress import Progress
from nasp.samplers import SAMPLERS
from nasp.search import SearchResult, Task, train
from nasp.training.seeding import generator


def resumed(output: Path, name: str, options: Mapping[str, Any]) -> RunContext:
    """Return a run that continues where it stopped, and refuses other options.

    Args:
        output: Folder of the benchmark.
        name: Name of the run, and of its folder in `output`.
        options: All options that its results depend on.
    """
    folder = output / name.replace(" ", "_")
    folder.mkdir(parents=True, exist_ok=True)
    return RunContext(
        Checkpoint(folder / "checkpoint", options, resume=True), Progress(quiet=False)
    )


def image_search(
    images: LabelledImages, classes: tuple[str, ...], options: SearchOptions, seed: int
) -> ImageTask:
    """Return a search for CNN cells on a random part of the training images."""
    train, valid = split_images(images, options.train_fraction, generator(seed, "halves"))
    data = ImagesInMemory(train, valid, None, classes, options.batch_size, options.cutout)
    return ImageTask(data, options)


def train_cell(task: Task, genotype: Genotype, seed: int, run: RunContext) -> SearchResult:
    """Train a cell alone; all cells with one seed use the same random numbers."""
    return train(task, "train", genotype, seed, run)


def random_cells(
    space: str, decisions: tuple[Decision, ...], count: int, seed: int
) -> dict[str, Genotype]:
    """Return `count` random cells, by name."""
    trials = SAMPLERS["random"](decisions, generator(seed, "random cells")).ask(count)
    return {f"random {trial.number + 1}": Genotype(space, trial.choices) for trial in trials}


def summary(metric: Metric, groups: Mapping[str, Sequence[float]]) -> list[str]:
    """Return a table of mean, standard deviation, worst and best of groups of cells."""
    lines = [
        f"| cells | mean {metric.label} | standard deviation | worst | best |",
        "|---|---|---|---|---|",
    ]
    for label, values in groups.items():
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        ranked = sorted(values, key=metric.as_loss)
        numbers = (statistics.mean(values), spread, ranked[-1], ranked[0])
        lines.append(f"| {label} | {' | '.join(f'{number:.4f}' for number in numbers)} |")
    return lines


def heading(options: Mapping[str, Any], processes: str) -> list[str]:
    """Return the first lines of a table, with environment and options."""
    place = describe(torch.device("cpu"))
    return [
        f"{place['device']}, {processes}; commit {place['commit']}.",
        f"Options: {json.dumps(options)}.",
    ]
