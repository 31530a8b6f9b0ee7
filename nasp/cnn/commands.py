"""What the commands for CNN cells do once their options are read."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from nasp.cnn import report
from nasp.cnn.classify import Classify, blank
from nasp.cnn.config import EvalConfig, SearchConfig, TrainConfig
from nasp.cnn.data import find_images, load_cifar, subset
from nasp.cnn.fit import logits_of
from nasp.cnn.judge import judge
from nasp.cnn.model_file import load_network, save_network
from nasp.cnn.options import TrainOptions
from nasp.cnn.pipeline import find, train_alone
from nasp.cnn.size import mult_adds, parameters
from nasp.cnn.space import decisions_of
from nasp.cnn.task import digest, open_task
from nasp.cnn.zoo import find_genotype
from nasp.errors import NaspError
from nasp.experiment.run_record import Job, markdown, open_job
from nasp.metric import Metrics
from nasp.runs.process import rank
from nasp.strategies import ONE_SHOT
from nasp.training.device import resolve_device
from nasp.training.loop import spent
from nasp.training.parallel import joined
from nasp.training.seeding import generator


def search(config: SearchConfig, began: float) -> None:
    """Search and report; `began` is the moment of `time.perf_counter` at which the command began.

    Raises:
        NaspError: A mistake in the options or the data.
    """
    with joined(config.device) as device:
        data = load_cifar(find_images(config.data, config.data_dir))
        images = data.train
        if config.images is not None:
            images = subset(images, config.images, generator(config.seed, "subset"))
        name = Path(config.data).stem
        with open_job(
            config,
            name=f"cnn-{name}-{config.strategy}-seed{config.seed}",
            experiment=f"nasp/cnn/{name}",
            run_name=_run_name(config.strategy, name, config),
            device=device,
            data_sha256=digest(data),
            began=began,
            shown=("seed", "space", "channels", "layers", "train_fraction"),
            params={"task": "image classification", "strategy": config.strategy, "data": name},
            rows=len(images.labels),
            best=("valid/accuracy",),
            tags={"strategy": config.strategy, "space": "cnn"},
        ) as job:
            found = find(images.to(device), data.classes, config, config.seed, job.run)
            metrics = {k: v for k, v in found.metrics.items() if k.startswith("valid/")}
            metrics["model/parameters"] = report.published_size(found.genotype)
            result = job.record(
                {
                    "task": "cnn",
                    "data": config.data,
                    "strategy": config.strategy,
                    "seed": config.seed,
                    "genotype": json.loads(found.genotype.to_json()),
                },
                metrics,
                {"search": spent(found.histories.values())},
                max(map(len, found.histories.values())),
            )
            job.describe(str(found.genotype), markdown(metrics))
            if rank() == 0:
                decisions = decisions_of(config.space, config.channels)
                one_shot = config.strategy in ONE_SHOT
                for file in report.write(job.folder, found, decisions, one_shot):
                    job.tracker.artifact(file)
                if not config.quiet:
                    report.show(found, result, job.folder)


def train(config: TrainConfig, began: float) -> None:
    """Train, judge on test images and report; see `search`.

    Raises:
        NaspError: A mistake in the options or the data.
    """
    genotype = find_genotype(config.genotype)
    name, cell = Path(config.data).stem, Path(config.genotype).stem
    with joined(config.device) as device:
        task, data_sha256 = open_task(config.data, config.data_dir, config, config.seed, device)
        with open_job(
            config,
            name=f"cnn-{name}-train-{cell}-seed{config.seed}",
            experiment=f"nasp/cnn/{name}",
            run_name=_run_name(f"train {cell}", name, config),
            device=device,
            data_sha256=data_sha256,
            depends_on={"genotype_sha256": sha256(genotype.to_json().encode()).hexdigest()},
            began=began,
            shown=("seed", "genotype", "channels", "layers", "validation"),
            params={"task": "image classification", "strategy": "train", "data": name},
            rows=None,
            best=("valid/accuracy",),
            tags={"strategy": "train", "space": "cnn"},
        ) as job:
            network, history = train_alone(
                "train", genotype, task, config, generator(config.seed, "train"), job.run
            )
            last = {k: v for k, v in history[-1].items() if not k.startswith("time/")}
            metrics = {
                **last,
                **judge(logits_of(network, config.numbers(device)), task.test(), "test"),
                "model/parameters": parameters(network),
                "model/mult_adds": mult_adds(network, (3, task.size, task.size)),
            }
            result = job.record(
                {
                    "task": "cnn",
                    "data": config.data,
                    "strategy": "train",
                    "seed": config.seed,
                    "genotype": json.loads(genotype.to_json()),
                },
                metrics,
                {"train": spent([history])},
                len(history),
            )
            job.describe(str(genotype), markdown(metrics))
            if rank() == 0:
                path = job.folder / "model.pt"
                save_network(path, network, task.classes, task.normalise, task.size)
                _track(job, path, len(history))
                for file in report.write_training(job.folder, genotype, history):
                    job.tracker.artifact(file)
                if not config.quiet:
                    report.show_training(config.genotype, result, job.folder)


def _run_name(what: str, data: str, config: SearchConfig | TrainConfig) -> str:
    size = f"{config.channels} channels, {config.layers} cells"
    return f"{what} · {data} · {size} · seed {config.seed}"


def _track(job: Job, path: Path, step: int) -> None:
    trained = load_network(path)
    inputs = pd.DataFrame({"image": [blank(trained.size)]})
    job.tracker.model(
        code=Path(report.__file__).with_name("serving.py"),
        artifacts={"model": path},
        columns=["image"],
        outputs=np.array(Classify(trained)(inputs["image"])),
        step=step,
    )


def evaluate(config: EvalConfig) -> Metrics:
    """Loss and accuracies on test images, and the network's size in millions.

    Raises:
        NaspError: The model is no such file, or the data are missing, damaged, or of another form
            or other classes than those that it was trained on.
    """
    device = resolve_device(config.device)
    path = config.model / "model.pt" if config.model.is_dir() else config.model
    trained = load_network(path, device)
    options = TrainOptions(
        precision=config.precision, size=trained.size, workers=config.workers, batch_size=1
    )
    network = trained.network
    task, _ = open_task(
        config.data,
        config.data_dir,
        options,
        0,
        device,
        len(trained.class_names),
        trained.normalise,
    )
    if task.kind != network.kind:
        raise NaspError(
            f"{config.data} is of the form of {task.kind}, but {path} was trained on images of the "
            f"form of {network.kind}: give such --data"
        )
    options.numbers(device).prepare(network)
    shape = (3, trained.size, trained.size)
    return {
        **judge(logits_of(network, options.numbers(device)), task.test(), "test"),
        "model/parameters_m": parameters(network) / 1e6,
        "model/mult_adds_m": mult_adds(network, shape) / 1e6,
    }
