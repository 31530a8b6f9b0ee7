"""A small search on Penn Treebank on a CPU, whose cell is compared with other cells.

As in DARTS (arXiv 1806.09055, section 3.1.2), several searches run with different seeds, the cell
of each is trained alone for a short time, and the best cell by validation is selected. This cell,
DARTS's second cell, and random cells of the same space are then trained alone, in models of the
same size, in the same way and for the same number of epochs. Their time steps have the same matrix
products. All are evaluated on the validation text; the test text is not used. A stopped run can be
continued.

    python benchmarks/rnn_real.py --output runs/rnn_real
"""

import argparse
import statistics
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from searched_cells import heading, random_cells, resumed, train_cell

from nasp.atomic_io import write_text
from nasp.core.genotype import Genotype
from nasp.rnn import report
from nasp.rnn.data import find_text, load_corpus
from nasp.rnn.draw import draw_cell
from nasp.rnn.genotype import SPACE, darts_text, decisions_of
from nasp.rnn.options import SearchOptions, TrainOptions
from nasp.rnn.tasks import TextTask
from nasp.rnn.zoo import ZOO
from nasp.runs import plots
from nasp.runs.context import RunContext
from nasp.search import SearchResult, run_search

# Small models with short trainings underfit with the published dropout.
DROPOUT = {"dropout": 0.3, "dropouth": 0.1, "dropoutx": 0.3, "dropouti": 0.1, "dropoute": 0.0}


@dataclass(frozen=True)
class Place:
    """The folders that a process reads and writes."""

    data: str
    output: Path

    def open(self, options: SearchOptions | TrainOptions, name: str) -> tuple[TextTask, RunContext]:
        """Open the text, and a run of this name."""
        torch.set_num_threads(1)
        corpus = load_corpus(find_text(self.data))
        task = TextTask(corpus, options, torch.device("cpu"))
        return task, resumed(self.output, name, asdict(options))


def search(options: SearchOptions, place: Place, seed: int) -> SearchResult:
    """Search from a seed."""
    task, run = place.open(options, f"search {seed}")
    return run_search(task, seed, run)


def train(
    options: TrainOptions, place: Place, seed: int, name: str, genotype: Genotype
) -> SearchResult:
    """Train a cell alone."""
    task, run = place.open(options, name)
    return train_cell(task, genotype, seed, run)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the trainings and random cells")
    parser.add_argument("--data", default="ptb")
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--searches", type=int, default=2)
    parser.add_argument("--search_tokens", type=int, default=200_000)
    parser.add_argument("--search_epochs", type=int, default=6)
    parser.add_argument("--warm_up", type=int, default=2)
    parser.add_argument("--architecture_learning_rate", type=float, default=3e-3)
    parser.add_argument("--tokens", type=int, default=400_000)
    parser.add_argument("--short_epochs", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--random_cells", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2, help="processes, of one thread each")
    parser.add_argument("--output", type=Path, default=Path("runs/rnn_real"))
    given = parser.parse_args(argv)
    place = Place(given.data, given.output)
    size = {"emsize": given.units, "nhid": given.units, "batch_size": given.batch, **DROPOUT}
    searching = SearchOptions(
        **size,
        tokens=given.search_tokens,
        epochs=given.search_epochs,
        warm_up=given.warm_up,
        strategy={"name": "nasp", "learning_rate": given.architecture_learning_rate},
    )
    short = TrainOptions(**size, tokens=given.tokens, epochs=given.short_epochs)
    training = TrainOptions(**size, tokens=given.tokens, epochs=given.epochs)

    others = {"DARTS v2": ZOO["darts_v2"]} | random_cells(
        SPACE, decisions_of(), given.random_cells, given.seed
    )
    with ProcessPoolExecutor(given.jobs) as pool:
        seeds = range(1, given.searches + 1)
        searches = dict(zip(seeds, pool.map(partial(search, searching, place), seeds), strict=True))
        # The selection uses another seed than the comparison, or it would select lucky trainings.
        choose = partial(train, short, place, given.seed + 1)
        names = (f"short {seed}" for seed in seeds)
        found = (searched.genotype for searched in searches.values())
        shorts = dict(zip(seeds, pool.map(choose, names, found), strict=True))
        chosen = min(seeds, key=lambda seed: shorts[seed].metrics["valid/perplexity"])
        cells = {"found": searches[chosen].genotype} | others
        compare = partial(train, training, place, given.seed)
        trained = dict(zip(cells, pool.map(compare, cells, cells.values()), strict=True))

    cells["found"].save(given.output / "genotype.json")
    for name, genotype in cells.items():
        draw_cell(genotype, given.output / f"cell_{name.replace(' ', '_')}.png", name)
    draw_cell(cells["found"], given.output / "cell_found.svg", "found")
    histories = {f"seed {seed}": row.searches["search"] for seed, row in searches.items()}
    plots.curves(histories, report.DRAWN, given.output / "search.png", "Search")
    histories = {name: row.trainings["train"] for name, row in trained.items()}
    plots.curves(histories, report.DRAWN, given.output / "training.png", "Training")
    text = table(given, searches, shorts, trained)
    write_text(given.output / "table.md", text)
    print(text)


def table(
    given: argparse.Namespace,
    searches: dict[int, SearchResult],
    shorts: dict[int, SearchResult],
    trained: dict[str, SearchResult],
) -> str:
    """Return the tables of the found cells and of the comparison."""
    options = {key: value for key, value in vars(given).items() if key != "output"}
    seconds = sum(row.seconds["search"] for row in searches.values())
    seconds += sum(row.seconds["train"] for row in shorts.values())
    random = [row.metrics["valid/perplexity"] for name, row in trained.items() if "random" in name]
    lines = [
        *heading(options, f"{given.jobs} processes of one thread"),
        f"Searches and short trainings took {seconds:.0f} s of one thread.",
        "",
        "| seed | search, s | short training, s | its validation perplexity | genotype |",
        "|---|---|---|---|---|",
        *(
            f"| {seed} | {searches[seed].seconds['search']:.0f} | {row.seconds['train']:.0f} "
            f"| {row.metrics['valid/perplexity']:.2f} | `{darts_text(row.genotype)}` |"
            for seed, row in shorts.items()
        ),
        "",
        "| cell | validation perplexity | validation loss | training, s | genotype |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {row.metrics['valid/perplexity']:.2f} | {row.metrics['valid/loss']:.4f} "
            f"| {row.seconds['train']:.0f} | `{darts_text(row.genotype)}` |"
            for name, row in trained.items()
        ),
        f"| mean of the random cells | {statistics.mean(random):.2f} | | | |",
        f"| their standard deviation | {statistics.stdev(random):.2f} | | | |",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
