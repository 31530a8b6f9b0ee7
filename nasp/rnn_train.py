"""`python -m nasp.rnn_train`: train the language model of a recurrent cell."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from nasp.core.command import run_command
from nasp.core.config import parse
from nasp.core.environment import resolve_device
from nasp.core.job import open_job
from nasp.core.loop import spent
from nasp.core.seeding import generator
from nasp.rnn import report
from nasp.rnn.config import TrainConfig
from nasp.rnn.data import find_text, load_corpus
from nasp.rnn.model_file import save_model
from nasp.rnn.pipeline import exactly, train_alone
from nasp.rnn.zoo import find_genotype


def main(argv: Sequence[str] | None = None) -> None:
    """Train, judge on the test text and report; raises `NaspError` on a user's mistake."""
    began = time.perf_counter()
    config = parse(
        TrainConfig,
        argv,
        program="python -m nasp.rnn_train",
        space="rnn",
        description="Train the language model of a recurrent cell.",
    )
    genotype = find_genotype(config.genotype)
    device = resolve_device(config.device)
    corpus = load_corpus(find_text(config.data, config.data_dir))
    name, cell = Path(config.data).stem, Path(config.genotype).stem
    with open_job(
        config,
        name=f"rnn-{name}-train-{cell}-seed{config.seed}",
        experiment=f"nasp/rnn/{name}",
        run_name=f"train {cell} seed={config.seed}",
        device=device,
        data_sha256=corpus.sha256,
        depends_on={"cell": genotype.to_json()},
        began=began,
        shown=("data", "seed", "genotype"),
        best=("valid/perplexity",),
        tags={"strategy": "train", "space": "rnn"},
    ) as job:
        random = generator(config.seed, "train")
        network, history = train_alone("train", genotype, corpus, config, random, job.run, device)
        best = min(history, key=lambda metrics: metrics["valid/perplexity"])
        metrics = {
            **{k: v for k, v in best.items() if not k.startswith("time/")},
            **exactly(network, corpus.test.to(device), "test"),
            "model/parameters": sum(p.numel() for p in network.parameters()),
        }
        result = job.record(
            {
                "task": "rnn",
                "data": config.data,
                "strategy": "train",
                "seed": config.seed,
                "genotype": json.loads(genotype.to_json()),
            },
            metrics,
            {"train": spent([history])},
        )
        path = job.folder / "model.pt"
        save_model(path, network, corpus.vocabulary)
        for file in (path, *report.write_training(job.folder, genotype, history)):
            job.tracker.artifact(file)
        if not config.quiet:
            report.show_training(config.genotype, result, job.folder)


if __name__ == "__main__":
    run_command(main)
