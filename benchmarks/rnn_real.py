"""A real search on Penn Treebank that fits a CPU, and what its cell is worth beside other cells.

The cell that NASP finds, DARTS's second one, and random cells of the same space are trained alone,
in models of one size, in the same way and for the same number of epochs: their time steps have the
same matrix products. All are judged on the validation text; the test text is not touched.

    python benchmarks/rnn_real.py --output runs/rnn_real
"""

import argparse
import json
import statistics
from dataclasses import replace
from pathlib import Path

import torch

from nasp.core import plots
from nasp.core.checkpoint import Checkpoint
from nasp.core.environment import describe
from nasp.core.files import write_text
from nasp.core.genotype import Genotype
from nasp.core.loop import Run
from nasp.core.metrics import Metrics
from nasp.core.progress import Progress
from nasp.core.seeding import generator
from nasp.rnn import report
from nasp.rnn.data import find_text, load_corpus
from nasp.rnn.draw import draw_cell
from nasp.rnn.genotype import SPACE, darts_text, decisions_of
from nasp.rnn.options import SearchOptions, TrainOptions
from nasp.rnn.pipeline import find, train_alone
from nasp.rnn.zoo import ZOO
from nasp.strategies import SAMPLERS

# Small models of few words that are trained briefly underfit with the published dropout. With a
# batch this small, the published learning rate of 20 is too noisy for the search's batch norm.
DROPOUT = {"dropout": 0.3, "dropouth": 0.1, "dropoutx": 0.3, "dropouti": 0.1, "dropoute": 0.0}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", default="ptb")
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--tokens", type=int, default=200_000)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--search_epochs", type=int, default=15)
    parser.add_argument("--search_seconds", type=float, default=1500)
    parser.add_argument("--search_learning_rate", type=float, default=5.0)
    parser.add_argument("--warm_up", type=int, default=1)
    parser.add_argument("--architecture_learning_rate", type=float, default=3e-3)
    parser.add_argument("--train_epochs", type=int, default=8)
    parser.add_argument("--random_cells", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path("runs/rnn_real"))
    given = parser.parse_args(argv)
    given.output.mkdir(parents=True, exist_ok=True)
    corpus, device = load_corpus(find_text(given.data)), torch.device("cpu")
    # A run that was stopped goes on; it refuses to with other options.
    options = {k: v for k, v in vars(given).items() if k != "output"}
    run = Run(
        Checkpoint(given.output / "checkpoint.pt", options, resume=True), Progress(quiet=False)
    )
    size = {"emsize": given.units, "nhid": given.units, "batch_size": given.batch}
    search = SearchOptions(
        **size,
        **DROPOUT,
        tokens=given.tokens,
        learning_rate=given.search_learning_rate,
        epochs=given.search_epochs,
        max_seconds=given.search_seconds,
        warm_up=given.warm_up,
        architecture_learning_rate=given.architecture_learning_rate,
    )
    found = find(corpus, search, given.seed, run, device)
    searched = found.histories["search"][-1]["time/seconds"]
    found.genotype.save(given.output / "genotype.json")
    for suffix in ("png", "svg"):
        draw_cell(found.genotype, given.output / f"cell.{suffix}", "found by NASP")
    plots.curves(found.histories, report.LABELS, given.output / "search.png", "Search")

    sampler = SAMPLERS["random"](decisions_of(), generator(given.seed, "random cells"))
    cells = {"found": found.genotype, "DARTS v2": ZOO["darts_v2"]} | {
        f"random {i + 1}": Genotype(SPACE, sampler.ask().choices) for i in range(given.random_cells)
    }
    training = TrainOptions(**size, **DROPOUT, tokens=given.tokens, epochs=given.train_epochs)
    histories: dict[str, list[Metrics]] = {}
    best: dict[str, Metrics] = {}
    quiet = replace(run, log=lambda metrics, step: None)
    for name, genotype in cells.items():
        random = generator(given.seed, "train")
        _, history = train_alone(name, genotype, corpus, training, random, quiet, device)
        histories[name] = history
        best[name] = min(history, key=lambda metrics: metrics["valid/perplexity"])
        draw_cell(genotype, given.output / f"cell_{name.replace(' ', '_')}.png", name)
    plots.curves(histories, report.LABELS, given.output / "training.png", "Cells trained alone")

    place = describe(device)
    others = [best[name]["valid/perplexity"] for name in best if name.startswith("random")]
    lines = [
        f"{place['device']}, {torch.get_num_threads()} threads; commit {place['commit']}.",
        f"Options: {json.dumps(options)}.",
        f"The search took {searched:.0f} s.",
        "",
        "| cell | validation perplexity | validation loss | training, s | genotype |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {row['valid/perplexity']:.2f} | {row['valid/loss']:.4f} "
            f"| {histories[name][-1]['time/seconds']:.0f} | `{darts_text(cells[name])}` |"
            for name, row in best.items()
        ),
        f"| mean of the random cells | {statistics.mean(others):.2f} | | | |",
        f"| their standard deviation | {statistics.stdev(others):.2f} | | | |",
    ]
    text = "\n".join(lines) + "\n"
    write_text(given.output / "table.md", text)
    print(text)


if __name__ == "__main__":
    main()
