"""The table of all commands, and the command `nasp` that runs them by name."""

import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from pkgutil import resolve_name
from typing import NoReturn

from nasp.cli.package_files import version
from nasp.errors import NaspError, check_known
from nasp.experiment.run_folder import run_command
from nasp.plugins import load_plugins

FIRST = (
    *("model", "genotype", "data", "table", "users", "n", "data_dir", "columns", "split"),
    *(
        "methods",
        "genotypes",
        "embedding_dims",
        "seeds",
        "space",
        "strategy",
        "epochs",
        "batch_size",
    ),
    *("seed", "device", "executor", "output", "overwrite", "resume", "config"),
)
"""The options that `--help` shows, in this order; `--help_all` shows all options."""
GROUPS = {
    "data": (
        *("DataOptions", "TextOptions", "TableOptions", "RatingOptions", "Reading", "Synthetic"),
        "SideOptions",
        *("model", "genotype", "data", "data_dir", "map_unknown"),
    ),
    "recommendation": ("users", "n", "context", "exclude_seen"),
    "comparison": (
        *("methods", "genotypes", "strategies", "embedding_dims", "seeds", "tuning_trials"),
        "trainings",
        "Ranges",
        "BenchOptions",
    ),
    "search": ("SearchOptions", "Budget"),
    "training": ("SpaceOptions", "FieldOptions", "DescentOptions", "TrainOptions", "epochs"),
    "run": (
        *("RunOptions", "device", "output", "precision", "workers"),
        *("overwrite", "config", "help", "help_all", "version"),
    ),
}
"""The headings of the help: see `nasp.cli.help.Help`."""
TIMED = ("search", "train")  # verbs of commands that record their time


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
        name: Verb and task, `search cnn`.
        module: The module that runs only this command: `python -m MODULE`.
        schema: Import path of the dataclass of its options, `package.module:Class`.
        function: Import path of the function that does the work. It gets the options and, for a
            search or training, the value of `time.perf_counter` when the command began. Metrics
            that it returns are printed.
        description: What the command does, in a sentence.
        examples: Example command lines without the command, with comments.
    """

    name: str
    module: str
    schema: str
    function: str
    description: str
    examples: Collection[str]

    @property
    def verb(self) -> str:
        """The verb of the command, for example `search`."""
        return self.name.split()[0]

    @property
    def task(self) -> str:
        """The task of the command, for example `cnn`; also its folder in `configs/`."""
        return self.name.split()[1]

    def run(self, argv: Sequence[str] | None = None, program: str | None = None) -> None:
        """Read the options and do the work.

        Args:
            argv: The command line; that of the process if None.
            program: The command's name, for messages; `python -m MODULE` if None.

        Raises:
            NaspError: The user made a mistake.
        """
        began = time.perf_counter()
        # Imported here, so that Ctrl-C during the slow import ends with a one-line message.
        from nasp.cli.config import parse
        from nasp.cli.help import Help

        load_plugins()
        config = parse(
            resolve_name(self.schema),
            argv,
            program=program or f"python -m {self.module}",
            space=self.task,
            help=Help(self.description, self.examples, FIRST, GROUPS),
        )
        # Imported after the options are checked, so that a mistake in them is reported at once.
        function = resolve_name(self.function)
        metrics = function(config, began) if self.verb in TIMED else function(config)
        if metrics is not None:
            print("  ".join(f"{name} {value:.4f}" for name, value in metrics.items()))


TABLE = (
    Command(
        "search cnn",
        "nasp.cnn_search",
        "nasp.cnn.config:SearchConfig",
        "nasp.cnn.commands:search",
        "Search for the normal and the reduction cell of a CNN.",
        (
            "--config smoke  # under two minutes, to try it",
            "--data cifar10 --strategy darts",
        ),
    ),
    Command(
        "search rnn",
        "nasp.rnn_search",
        "nasp.rnn.config:SearchConfig",
        "nasp.rnn.commands:search",
        "Search for the recurrent cell of a language model.",
        (
            "--config smoke  # a minute, to try it",
            "--data ptb --strategy darts",
        ),
    ),
    Command(
        "search sif",
        "sif.search",
        "sif.config:SearchConfig",
        "sif.commands:search",
        "Search for the interaction function of a table of ratings.",
        (
            "--data movielens --output runs/found",
            "--data ratings.csv --columns user=uid,item=isbn",
        ),
    ),
    Command(
        "train cnn",
        "nasp.cnn_train",
        "nasp.cnn.config:TrainConfig",
        "nasp.cnn.commands:train",
        "Train the network of a cell on CIFAR-10 or ImageNet.",
        (
            "--config cifar10 --genotype runs/cells",
            "--config imagenet --genotype darts_v2  # a published cell",
        ),
    ),
    Command(
        "train rnn",
        "nasp.rnn_train",
        "nasp.rnn.config:TrainConfig",
        "nasp.rnn.commands:train",
        "Train the language model of a recurrent cell.",
        (
            "--config ptb --genotype runs/cell",
            "--config wikitext-2 --genotype darts_v2",
        ),
    ),
    Command(
        "train sif",
        "sif.train",
        "sif.config:TrainConfig",
        "sif.commands:train",
        "Train a found interaction function on a table of ratings.",
        (
            "--genotype runs/found/genotype.json --seed 2",
            "--genotype genotype.json --data ratings.csv",
        ),
    ),
    Command(
        "evaluate cnn",
        "nasp.cnn_eval",
        "nasp.cnn.config:EvalConfig",
        "nasp.cnn.commands:evaluate",
        "Evaluate a trained network on test images.",
        (
            "--model runs/trained --data cifar10",
            "--model model.pt --data my/images",
        ),
    ),
    Command(
        "evaluate rnn",
        "nasp.rnn_eval",
        "nasp.rnn.config:EvalConfig",
        "nasp.rnn.commands:evaluate",
        "Compute the exact test perplexity of a trained language model.",
        (
            "--model runs/trained --data ptb",
            "--model model.pt --data my/texts",
        ),
    ),
    Command(
        "evaluate sif",
        "sif.evaluate",
        "sif.config:EvalConfig",
        "sif.commands:evaluate",
        "Evaluate a trained model on a table of ratings.",
        ("--model runs/found --data test.csv",),
    ),
    Command(
        "export cnn",
        "nasp.cnn_export",
        "nasp.cnn.config:ExportConfig",
        "nasp.cnn.export:export",
        "Export a trained network to ONNX or torch.export.",
        (
            "--model runs/trained --output network.onnx",
            "--model runs/trained --output network.pt2",
        ),
    ),
    Command(
        "export rnn",
        "nasp.rnn_export",
        "nasp.rnn.config:ExportConfig",
        "nasp.rnn.export:export",
        "Export a trained language model to ONNX or torch.export.",
        (
            "--model runs/trained --output language.onnx",
            "--model runs/trained --output language.pt2",
        ),
    ),
    Command(
        "export sif",
        "sif.export",
        "sif.config:ExportConfig",
        "sif.commands:export",
        "Export the embeddings of users, items and contexts.",
        ("--model runs/found --output embeddings.parquet",),
    ),
    Command(
        "recommend sif",
        "sif.recommend",
        "sif.config:RecommendConfig",
        "sif.commands:recommend",
        "Recommend items to users of a trained model.",
        (
            "--model runs/found --users 7,12",
            "--model runs/found --users all --output top.parquet",
        ),
    ),
    Command(
        "compare cnn",
        "nasp.cnn_compare",
        "nasp.cnn.config:CompareConfig",
        "nasp.cnn.comparison:compare",
        "Compare searches for CNN cells, random and published cells.",
        (
            "--config smoke_compare  # a few minutes, to try it",
            "--methods nasp,darts --genotypes darts_v2 --seeds 5",
        ),
    ),
    Command(
        "compare rnn",
        "nasp.rnn_compare",
        "nasp.rnn.config:CompareConfig",
        "nasp.rnn.comparison:compare",
        "Compare searches for recurrent cells, random and known cells.",
        (
            "--config smoke_compare  # a few minutes, to try it",
            "--methods nasp,darts --genotypes darts_v2 --seeds 5",
        ),
    ),
    Command(
        "compare sif",
        "sif.compare",
        "sif.comparison.config:CompareConfig",
        "sif.comparison.run:compare",
        "Compare methods, searched and fixed ones, for any task.",
        (
            "--config compare --executor processes:2",
            "--data ratings.csv --methods nasp,biased_mf",
            "--data pairs.csv --task ranking --methods search,ease",
            "--data clicks.csv --task click --methods search,deepfm",
        ),
    ),
    Command(
        "bench samplers",
        "nasp.bench",
        "nasp.tabular.options:BenchOptions",
        "nasp.tabular.bench:bench",
        "Judge samplers by look-up in a table of architectures.",
        (
            "--space nasbench201 --data cifar10 --executor processes:2",
            "--strategies random,evolution --seeds 50 --trials 10,100",
        ),
    ),
)
COMMANDS = {command.name: command for command in TABLE}
"""All commands by name, `search cnn`."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command by its name: `nasp search cnn --data cifar10`.

    Args:
        argv: Verb, task and options; those of the process if None.

    Raises:
        NaspError: There is no such command, or an option is wrong.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    called = Path(sys.argv[0]).stem
    program = "python -m nasp" if called == "__main__" else called
    given = list(takewhile(lambda word: not word.startswith("-"), words))[:2]
    if (name := " ".join(given)) in COMMANDS:
        COMMANDS[name].run(words[2:], f"{program} {name}")
        return
    if given:
        check_known("command", given[0], dict.fromkeys(c.verb for c in TABLE))
    if len(given) == 2:
        check_known("command", name, COMMANDS)
    names = [c.name for c in TABLE if c.verb in given or not given]
    options = {word.replace("-", "_") for word in words[len(given) :]}
    if "__version" in options:
        print(f"nasp {version()}")
    elif options & {"_h", "__help", "__help_all"}:
        print(_overview(names, program))
    else:
        raise NaspError(f"which command? There are {', '.join(names)}; see {program} --help")


def _overview(names: Sequence[str], program: str) -> str:
    return "\n".join(
        [
            f"usage: {program} COMMAND TASK [--option value ...]",
            "",
            "commands and tasks:",
            *(f"  {name:14}{COMMANDS[name].description}" for name in names),
            "",
            f"The options of a command: {program} {names[0]} --help",
            f"The version: {program} --version",
        ]
    )


def run() -> NoReturn:
    """Run a command and exit; the console script `nasp`."""
    run_command(main)
