"""The commands for CNN cells, given their options."""

from collections.abc import Sequence
from pathlib import Path

import torch

from nasp.cnn.config import EvalConfig, SearchConfig, TrainConfig
from nasp.cnn.evaluation import evaluate as evaluated
from nasp.cnn.fit import logits_of
from nasp.cnn.images import open_images, open_test
from nasp.cnn.model_file import load_network
from nasp.cnn.options import TrainOptions
from nasp.cnn.report import SearchReport, TrainReport
from nasp.cnn.size import mult_adds, parameters
from nasp.cnn.tasks import ImageTask, open_search
from nasp.cnn.zoo import find_genotype
from nasp.core.lookup import name_of
from nasp.errors import NaspError, nearest
from nasp.experiment.experiment import Experiment
from nasp.metric import Metrics
from nasp.runs.tracking import DataSet
from nasp.training.device import resolve_device
from nasp.training.parallel import join_processes

SHOWN = 10  # classes in a message


def search(config: SearchConfig, began: float) -> None:
    """Search and report; `began` is the value of `time.perf_counter` when the command began.

    Raises:
        NaspError: A mistake in the options or the data.
    """
    with join_processes(config.device) as device:
        task = open_search(config.data, config.data_dir, config, config.seed, device)
        _experiment(task, config, began).search(SearchReport)


def train(config: TrainConfig, began: float) -> None:
    """Train, evaluate on the test images and report; see `search`.

    Raises:
        NaspError: A mistake in the options or the data.
    """
    genotype, name = find_genotype(config.genotype), name_of(config.genotype)
    with join_processes(config.device) as device:
        images = open_images(config.data, config.data_dir, config, config.seed, device)
        task = ImageTask(images, config)
        _experiment(task, config, began).train(
            name, "train", genotype, lambda task, found: TrainReport(task, found, name)
        )


def _experiment(
    task: ImageTask, config: SearchConfig | TrainConfig, began: float
) -> Experiment[ImageTask]:
    images = task.images
    data = DataSet(Path(config.data).stem, images.sha256, images.rows)
    return Experiment(task, "image classification", "nasp/cnn", config, data, began)


def evaluate(config: EvalConfig) -> Metrics:
    """Return loss and accuracies on the test images, and the network's size in millions.

    Raises:
        NaspError: The model is not such a file; or the data are missing, damaged, or of another
            form or other classes than the training data.
    """
    device = resolve_device(config.device)
    path = config.model_file
    trained = load_network(path, device)
    options = TrainOptions(precision=config.precision)
    network = trained.network
    classes, test = open_test(config.data, config.data_dir, trained, config.workers, device)
    order = torch.tensor(class_order(classes, trained.class_names, config.data, path))
    options.numbers(device).prepare(network)
    logits = logits_of(network, options.numbers(device))
    shape = (3, trained.size, trained.size)
    return {
        **evaluated(lambda batch: logits(batch)[:, order.to(device)], test, "test"),
        "model/parameters_m": parameters(network) / 1e6,
        "model/mult_adds_m": mult_adds(network, shape) / 1e6,
    }


def class_order(
    classes: Sequence[str], trained: Sequence[str], data: str, model: Path
) -> list[int]:
    """Return the position among a network's classes of each class of the data, by name.

    Classes without names, which are called by their numbers, are in the network's order.

    Raises:
        NaspError: The classes are not the same.
    """
    numbers = [str(number) for number in range(len(trained))]
    if list(classes) == numbers or list(trained) == numbers:
        return list(range(len(trained)))
    if missing := sorted(set(classes) - set(trained)):
        raise NaspError(
            f"{data} has the class {missing[0]!r}{nearest(missing[0], trained)}, which {model} was "
            f"not trained on: its classes are {', '.join(trained[:SHOWN])}"
            f"{', …' if len(trained) > SHOWN else ''}; rename the classes of the data"
        )
    return [list(trained).index(name) for name in classes]
