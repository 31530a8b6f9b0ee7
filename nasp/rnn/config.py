"""The options of the commands for recurrent cells."""

from dataclasses import dataclass, field
from pathlib import Path

from nasp.experiment.compare_options import StrategyCompareOptions
from nasp.experiment.run_folder import EvaluationOptions, ExportOptions, RunOptions
from nasp.rnn.options import SearchOptions, TrainOptions


@dataclass
class TextOptions:
    """Which texts, and how they are read.

    Attributes:
        data: ptb or wikitext-2, or a path to a folder or an archive of their form.
        data_dir: Folder that holds data sets; null takes NASP_DATA.
        map_unknown: Replace words that are not in the training text by <unk>, if it has that word.
    """

    data: str = "ptb"
    data_dir: Path | None = None
    map_unknown: bool = False


@dataclass
class SearchConfig(RunOptions, SearchOptions, TextOptions):
    """All options of `python -m nasp.rnn_search`."""

    shown = ("seed", "nhid")


@dataclass
class TrainConfig(RunOptions, TrainOptions, TextOptions):
    """All options of `python -m nasp.rnn_train`.

    Attributes:
        genotype: A published cell (darts_v1, darts_v2, enas), the genotype.json of a search, the
            folder of its run, or the line in DARTS's notation that it prints.
    """

    genotype: str = "darts_v2"
    shown = ("seed", "genotype", "nhid")


@dataclass
class EvalConfig(EvaluationOptions, TextOptions):
    """All options of `python -m nasp.rnn_eval`."""

    data: str = "ptb"


@dataclass
class ExportConfig(ExportOptions):
    """All options of `python -m nasp.rnn_export`."""


@dataclass
class CompareConfig(StrategyCompareOptions):
    """All options of `python -m nasp.rnn_compare`.

    Attributes:
        data: ptb or wikitext-2, or paths to folders or archives in their form.
        map_unknown: Replace words that are not in the training text by <unk>, if it has that word.
    """

    data: tuple[str, ...] = ("ptb",)
    map_unknown: bool = False
    search: SearchOptions = field(default_factory=SearchOptions)
