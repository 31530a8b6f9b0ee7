"""The options of the commands for recurrent cells."""

from dataclasses import dataclass, field
from pathlib import Path

from nasp.experiment.compare_options import StrategyCompareOptions
from nasp.experiment.run_folder import EvaluationOptions, RunOptions
from nasp.rnn.options import SearchOptions, TrainOptions


@dataclass
class SearchConfig(RunOptions, SearchOptions):
    """All options of `python -m nasp.rnn_search`.

    Attributes:
        data: ptb or wikitext-2, or a path to a folder or an archive of their form.
        data_dir: Folder that holds data sets; null takes NASP_DATA.
    """

    shown = ("seed", "nhid")
    data: str = "ptb"
    data_dir: Path | None = None


@dataclass
class TrainConfig(RunOptions, TrainOptions):
    """All options of `python -m nasp.rnn_train`.

    Attributes:
        data: ptb or wikitext-2, or a path to a folder or an archive of their form.
        data_dir: Folder that holds data sets; null takes NASP_DATA.
        genotype: A published cell (darts_v1, darts_v2, enas), the genotype.json of a search, the
            folder of its run, or the line in DARTS's notation that it prints.
    """

    data: str = "ptb"
    data_dir: Path | None = None
    genotype: str = "darts_v2"
    shown = ("seed", "genotype", "nhid")


@dataclass
class EvalConfig(EvaluationOptions):
    """All options of `python -m nasp.rnn_eval`."""

    data: str = "ptb"


@dataclass
class CompareConfig(StrategyCompareOptions):
    """All options of `python -m nasp.rnn_compare`.

    Attributes:
        data: ptb or wikitext-2, or paths to folders or archives in their form.
    """

    data: tuple[str, ...] = ("ptb",)
    search: SearchOptions = field(default_factory=SearchOptions)
