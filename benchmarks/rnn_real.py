"""Small searches on Penn Treebank on a CPU, whose cells are compared with other cells.

NASP searches once for each seed. The found cells, DARTS's second cell, and as many random cells of
the same space are then trained alone, in models of the same size, in the same way and for the same
number of epochs. Their time steps have the same matrix products. All are evaluated once on the test
text. A stopped run can be continued.

    python benchmarks/rnn_real.py --output runs/rnn_real
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from searched_cells import heading, random_cells, resumed, summary, train_cell

from nasp.atomic_io import write_text
from nasp.core.genotype import Genotype
from nasp.metric import Metrics
from nasp.rnn import report
from nasp.rnn.data import find_text, load_corpus
from nasp.rnn.draw import draw_cell
from nasp.rnn.evaluation import PERPLEXITY, evaluate_exactly
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
) -> tuple[SearchResult, Metrics]:
    """Train a cell alone, and evaluate it on the test text."""
    task, run = place.open(options, name)
    result = train_cell(task, genotype, seed, run)
    assert result.trained is not None  # a training has a network
    network = task.trained_network(result.trained).eval()
    return result, evaluate_exactly(network, task.corpus.test, "test")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the trainings and random cells")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5], help="of searches")
    parser.add_argument("--data", default="ptb")
    parser.add_argument("--units", type=int, default=100)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--search_tokens", type=int, default=100_000)
    parser.add_argument("--search_epochs", type=int, default=6)
    parser.add_argument(
        "--strategy", default='{"learning_rate": 0.003}', help="options of NASP, as JSON"
    )
    parser.add_argument("--tokens", type=int, default=200_000)
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
        strategy={"name": "nasp"} | json.loads(given.strategy),
    )
    training = TrainOptions(**size, tokens=given.tokens, epochs=given.epochs)

    others = random_cells(SPACE, decisions_of(), given.random_cells, given.seed)
    with ProcessPoolExecutor(given.jobs) as pool:
        found = dict(
            zip(given.seeds, pool.map(partial(search, searching, place), given.seeds), strict=True)
        )
        cells = {f"found {seed}": one.genotype for seed, one in found.items()}
        cells |= others | {"DARTS v2": ZOO["darts_v2"]}
        compare = partial(train, training, place, given.seed)
        trained = dict(zip(cells, pool.map(compare, cells, cells.values()), strict=True))

    for name, genotype in cells.items():
        genotype.save(given.output / f"{name.replace(' ', '_')}.json")
        draw_cell(genotype, given.output / f"cell_{name.replace(' ', '_')}.png", name)
    histories = {f"seed {seed}": one.searches["search"] for seed, one in found.items()}
    plots.curves(histories, report.DRAWN, given.output / "search.png", "Search")
    histories = {name: row.trainings["train"] for name, (row, _) in trained.items()}
    plots.curves(histories, report.DRAWN, given.output / "training.png", "Training")
    seconds = sum(one.seconds["search"] for one in found.values())
    lines = [
        *heading(options_of(given), f"{given.jobs} processes of one thread"),
        f"The {len(found)} searches took {seconds:.0f} s of one thread.",
        "",
        "| cell | test perplexity | validation perplexity | training, s | genotype |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {test['test/perplexity']:.2f} | {row.metrics['valid/perplexity']:.2f} "
            f"| {row.seconds['train']:.0f} | `{darts_text(row.genotype)}` |"
            for name, (row, test) in trained.items()
        ),
        "",
        *summary(
            PERPLEXITY.on("test"),
            {
                label: [
                    test["test/perplexity"] for name, (_, test) in trained.items() if label in name
                ]
                for label in ("found", "random")
            },
        ),
    ]
    text = "\n".join(lines) + "\n"
    write_text(given.output / "table.md", text)
    print(text)


def options_of(given: argparse.Namespace) -> dict[str, object]:
    """Return the options for the heading."""
    return {key: value for key, value in vars(given).items() if key != "output"}


if __name__ == "__main__":
    main()
