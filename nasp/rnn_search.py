"""`python -m nasp.rnn_search`: search for a recurrent cell."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from nasp.core.command import run_command
from nasp.core.config import parse
from nasp.core.environment import resolve_device
from nasp.core.job import open_job
from nasp.core.loop import spent
from nasp.rnn import report
from nasp.rnn.config import SearchConfig
from nasp.rnn.data import find_text, load_corpus
from nasp.rnn.pipeline import find


def main(argv: Sequence[str] | None = None) -> None:
    """Search and report; raises `NaspError` on a user's mistake."""
    began = time.perf_counter()
    config = parse(
        SearchConfig,
        argv,
        program="python -m nasp.rnn_search",
        space="rnn",
        description="Search for the recurrent cell of a language model.",
    )
    device = resolve_device(config.device)
    corpus = load_corpus(find_text(config.data, config.data_dir))
    name = Path(config.data).stem
    with open_job(
        config,
        name=f"rnn-{name}-{config.strategy}-seed{config.seed}",
        experiment=f"nasp/rnn/{name}",
        run_name=f"{config.strategy} seed={config.seed}",
        device=device,
        data_sha256=corpus.sha256,
        began=began,
        shown=("data", "seed", "strategy"),
        best=("valid/perplexity",),
        tags={"strategy": config.strategy, "space": "rnn"},
    ) as job:
        found = find(corpus, config, config.seed, job.run, device)
        result = job.record(
            {
                "task": "rnn",
                "data": config.data,
                "strategy": config.strategy,
                "seed": config.seed,
                "genotype": json.loads(found.genotype.to_json()),
            },
            {k: v for k, v in found.metrics.items() if k.startswith("valid/")},
            {"search": spent(found.histories.values())},
        )
        for file in report.write(job.folder, found, config.strategy):
            job.tracker.artifact(file)
        if not config.quiet:
            report.show(found, result, job.folder)


if __name__ == "__main__":
    run_command(main)
