"""`python -m nasp.cnn_search`: search for CNN cells."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from nasp.cnn import report
from nasp.cnn.config import SearchConfig
from nasp.cnn.data import find_images, load_cifar, subset
from nasp.cnn.pipeline import find
from nasp.cnn.space import decisions_of
from nasp.cnn.task import digest
from nasp.core.command import run_command
from nasp.core.config import parse
from nasp.core.job import open_job
from nasp.core.loop import spent
from nasp.core.parallel import joined, rank
from nasp.core.seeding import generator
from nasp.strategies import ONE_SHOT


def main(argv: Sequence[str] | None = None) -> None:
    """Search and report; raises `NaspError` on a user's mistake."""
    began = time.perf_counter()
    config = parse(
        SearchConfig,
        argv,
        program="python -m nasp.cnn_search",
        space="cnn",
        description="Search for the normal and the reduction cell of a CNN.",
    )
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
            run_name=f"{config.strategy} seed={config.seed}",
            device=device,
            data_sha256=digest(data),
            began=began,
            shown=("data", "seed", "space", "strategy"),
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
            )
            if rank() == 0:
                decisions = decisions_of(config.space, config.channels)
                one_shot = config.strategy in ONE_SHOT
                for file in report.write(job.folder, found, decisions, one_shot):
                    job.tracker.artifact(file)
                if not config.quiet:
                    report.show(found, result, job.folder)


if __name__ == "__main__":
    run_command(main)
