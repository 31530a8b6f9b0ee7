"""`python -m nasp.cnn_train`: train the network of a cell on CIFAR-10 or ImageNet."""

import json
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from nasp.cnn import report
from nasp.cnn.classify import Classify, blank
from nasp.cnn.config import TrainConfig
from nasp.cnn.fit import logits_of
from nasp.cnn.judge import judge
from nasp.cnn.model_file import load_network, save_network
from nasp.cnn.pipeline import train_alone
from nasp.cnn.size import mult_adds, parameters
from nasp.cnn.task import open_task
from nasp.cnn.zoo import find_genotype
from nasp.core.command import run_command
from nasp.core.config import parse
from nasp.core.job import Job, open_job
from nasp.core.loop import spent
from nasp.core.parallel import joined, rank
from nasp.core.seeding import generator


def main(argv: Sequence[str] | None = None) -> None:
    """Train, judge on test images and report; raises `NaspError` on a user's mistake."""
    began = time.perf_counter()
    config = parse(
        TrainConfig,
        argv,
        program="python -m nasp.cnn_train",
        space="cnn",
        description="Train the network of a cell on CIFAR-10 or ImageNet.",
    )
    genotype = find_genotype(config.genotype)
    name, cell = Path(config.data).stem, Path(config.genotype).stem
    with joined(config.device) as device:
        task, data_sha256 = open_task(config.data, config.data_dir, config, config.seed, device)
        with open_job(
            config,
            name=f"cnn-{name}-train-{cell}-seed{config.seed}",
            experiment=f"nasp/cnn/{name}",
            run_name=f"train {cell} seed={config.seed}",
            device=device,
            data_sha256=data_sha256,
            depends_on={"genotype_sha256": sha256(genotype.to_json().encode()).hexdigest()},
            began=began,
            shown=("data", "seed", "genotype"),
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
            )
            if rank() == 0:
                path = job.folder / "model.pt"
                save_network(path, network, task.classes, task.normalise, task.size)
                _track(job, path)
                for file in report.write_training(job.folder, genotype, history):
                    job.tracker.artifact(file)
                if not config.quiet:
                    report.show_training(config.genotype, result, job.folder)


def _track(job: Job, path: Path) -> None:
    trained = load_network(path)
    inputs = pd.DataFrame({"image": [blank(trained.size)]})
    job.tracker.model(
        code=Path(report.__file__).with_name("serving.py"),
        artifacts={"model": path},
        inputs=inputs,
        outputs=np.array(Classify(trained)(inputs["image"])),
    )


if __name__ == "__main__":
    run_command(main)
