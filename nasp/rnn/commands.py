"""What the commands for recurrent cells do once their options are read."""

import json
from pathlib import Path

from nasp.experiment.run_record import markdown, open_job
from nasp.metric import Metrics
from nasp.rnn import report
from nasp.rnn.config import EvalConfig, SearchConfig, TrainConfig
from nasp.rnn.data import encode, find_text, load_corpus, read_words
from nasp.rnn.model_file import load_model, save_model
from nasp.rnn.pipeline import exactly, find, train_alone
from nasp.rnn.zoo import find_genotype
from nasp.training.device import resolve_device
from nasp.training.loop import spent
from nasp.training.seeding import generator


def search(config: SearchConfig, began: float) -> None:
    """Search and report; `began` is the moment of `time.perf_counter` at which the command began.

    Raises:
        NaspError: A mistake in the options or the data.
    """
    device = resolve_device(config.device)
    corpus = load_corpus(find_text(config.data, config.data_dir))
    name = Path(config.data).stem
    with open_job(
        config,
        name=f"rnn-{name}-{config.strategy}-seed{config.seed}",
        experiment=f"nasp/rnn/{name}",
        run_name=f"{config.strategy} · {name} · {config.nhid} units · seed {config.seed}",
        device=device,
        data_sha256=corpus.sha256,
        began=began,
        shown=("seed", "nhid"),
        params={"task": "language modelling", "strategy": config.strategy, "data": name},
        rows=len(corpus.train),
        best=("valid/perplexity",),
        tags={"strategy": config.strategy, "space": "rnn"},
    ) as job:
        found = find(corpus, config, config.seed, job.run, device)
        metrics = {k: v for k, v in found.metrics.items() if k.startswith("valid/")}
        result = job.record(
            {
                "task": "rnn",
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
        for file in report.write(job.folder, found, config.strategy):
            job.tracker.artifact(file)
        if not config.quiet:
            report.show(found, result, job.folder)


def train(config: TrainConfig, began: float) -> None:
    """Train, judge on the test text and report; see `search`.

    Raises:
        NaspError: A mistake in the options or the data.
    """
    genotype = find_genotype(config.genotype)
    device = resolve_device(config.device)
    corpus = load_corpus(find_text(config.data, config.data_dir))
    name, cell = Path(config.data).stem, Path(config.genotype).stem
    with open_job(
        config,
        name=f"rnn-{name}-train-{cell}-seed{config.seed}",
        experiment=f"nasp/rnn/{name}",
        run_name=f"train {cell} · {name} · {config.nhid} units · seed {config.seed}",
        device=device,
        data_sha256=corpus.sha256,
        depends_on={"cell": genotype.to_json()},
        began=began,
        shown=("seed", "genotype", "nhid"),
        params={"task": "language modelling", "strategy": "train", "data": name},
        rows=len(corpus.train),
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
            len(history),
        )
        job.describe(str(genotype), markdown(metrics))
        path = job.folder / "model.pt"
        save_model(path, network, corpus.vocabulary)
        for file in (path, *report.write_training(job.folder, genotype, history)):
            job.tracker.artifact(file)
        if not config.quiet:
            report.show_training(config.genotype, result, job.folder)


def evaluate(config: EvalConfig) -> Metrics:
    """Loss and perplexity on the test text, one column, and the model's size in millions.

    Raises:
        NaspError: The model is no such file, or the data are missing, damaged or of other words.
    """
    device = resolve_device(config.device)
    path = config.model / "model.pt" if config.model.is_dir() else config.model
    network, vocabulary = load_model(path, device)
    place, lines = read_words(find_text(config.data, config.data_dir), "test")
    text = encode(lines, vocabulary, place).to(device)
    return {
        **exactly(network, text, "test"),
        "model/parameters_m": sum(p.numel() for p in network.parameters()) / 1e6,
    }
