"""The command `nasp bench samplers`: samplers judged by look-up in a table of architectures."""

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from rich.console import Console

from nasp.atomic_io import check_regular, write_text
from nasp.data.locate import find_data
from nasp.errors import check_known
from nasp.experiment.comparison_table import heading
from nasp.experiment.run_record import RunRecord, open_run_record, show_place
from nasp.runs.checkpoint import Checkpoint
from nasp.runs.tracking import DataSet
from nasp.samplers import SAMPLERS
from nasp.search.executors import open_executor
from nasp.tabular import TABLES
from nasp.tabular.options import BenchOptions
from nasp.tabular.report import ByMethod, document, draw, summary
from nasp.tabular.searches import Bench, Searches, search
from nasp.tabular.table import TableCard, TableKind

AT_ONCE = 50  # seeds of a job


def bench(config: BenchOptions) -> None:
    """Judge samplers, and report.

    Raises:
        NaspError: A mistake in the options or the table.
    """
    began, kind = time.perf_counter(), TABLES[config.space]()
    path = _path(config, kind)
    problems = kind.read(path)
    for data in config.data:
        check_known(f"data set in {path}:", data, problems)
    trials = sorted(config.trials or kind.trials)
    chosen = {data: problems[data] for data in config.data or problems}
    shared = Bench(config, chosen, trials[-1])
    methods = config.strategies or tuple(SAMPLERS)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with open_run_record(
        config,
        name=f"bench-{config.space}",
        experiment="nasp/bench",
        run_name=f"{config.space}, {config.seeds} seeds",
        device=torch.device("cpu"),
        data=DataSet(path.stem, digest, len(next(iter(problems.values())).splits[0].seen)),
        began=began,
        params={"space": config.space, "strategies": ", ".join(methods)},
        tags={"space": config.space},
    ) as job:
        found = _searched(shared, methods, job)
        result = job.record(
            {
                "task": "bench",
                "space": config.space,
                "seed": config.seed,
                "seeds": config.seeds,
                "regret": summary(found, trials),
            },
            {
                f"regret/{data}/{name}": one.mean(trials[-1])
                for data, by_name in found.items()
                for name, one in by_name.items()
            },
            {"searches": sum(s.seconds for by_name in found.values() for s in by_name.values())},
            0,
        )
        place = heading(job.environment, config.executor)
        text = "\n".join(document(kind, found, trials, place)) + "\n"
        files = [job.folder / "table.md", job.folder / "regret.png"]
        write_text(files[0], text)
        draw(kind, found, files[1])
        job.tracker.describe({}, text)
        for file in files:
            job.tracker.artifact(file)
        if not config.quiet:
            console = Console(markup=False)
            console.print(text, soft_wrap=True)
            show_place(console, result, job.folder)


def _path(config: BenchOptions, kind: TableKind) -> Path:
    if config.table is None:
        return find_data(kind.card, config.data_dir, TableCard)
    check_regular(config.table, "table")
    return config.table


def _searched(shared: Bench, methods: tuple[str, ...], job: RunRecord) -> Mapping[str, ByMethod]:
    """Make all searches that are not in the checkpoint."""
    config, checkpoint = shared.options, job.context.checkpoint
    first, end = config.seed, config.seed + config.seeds
    parts = [range(s, min(s + AT_ONCE, end)) for s in range(first, end, AT_ONCE)]
    keys = [(data, name, part) for name in methods for data in shared.problems for part in parts]
    with (
        open_executor(config.executor, shared) as executor,
        job.context.progress.phase("searches", total=len(keys)) as phase,
    ):
        for data, name, part in keys:
            section = f"{data} {name} {part.start}"
            if checkpoint.get(section) is None:
                executor.submit(section, search, data, name, part)
            else:
                phase.advance({})
        for section, result in executor.results():
            checkpoint.put(section, result.value(), now=True)
            phase.advance({})
    return {
        data: {
            name: _joined(checkpoint, [f"{data} {name} {part.start}" for part in parts])
            for name in methods
        }
        for data in shared.problems
    }


def _joined(checkpoint: Checkpoint, sections: list[str]) -> Searches:
    parts = [Searches(**checkpoint.sections[section]) for section in sections]
    return Searches(torch.cat([p.regrets for p in parts]), sum(p.seconds for p in parts))
