"""The options of the commands for CNN cells."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from nasp.cnn.options import SearchOptions, TrainOptions
from nasp.experiment.compare_options import StrategyCompareOptions
from nasp.experiment.run_folder import EvaluationOptions, ExportOptions, RunOptions


@dataclass
class SearchConfig(RunOptions, SearchOptions):
    """All options of `python -m nasp.cnn_search`.

    Attributes:
        data: cifar10, cifar100 or imagenet, or a path to data in one of their forms.
        data_dir: Folder that holds data sets; null takes NASP_DATA.
    """

    shown = ("seed", "space", "channels", "layers", "train_fraction")
    data: str = "cifar10"
    data_dir: Path | None = None


@dataclass
class TrainConfig(RunOptions, TrainOptions):
    """All options of `python -m nasp.cnn_train`.

    Attributes:
        data: cifar10, cifar100 or imagenet, or a path to data in one of their forms.
        data_dir: Folder that holds data sets; null takes NASP_DATA.
        genotype: A published cell (nasp, darts_v1, darts_v2, nasnet_a, amoebanet_a, pnasnet_5,
            enas_micro, naonet_b, snas_mild, gdas_v1), the genotype.json of a search, the folder of
            its run, or the line in DARTS's or NAS-Bench-201's notation that it prints.
    """

    data: str = "cifar10"
    data_dir: Path | None = None
    genotype: str = "nasp"
    shown = ("seed", "genotype", "channels", "layers", "validation")


@dataclass
class EvalConfig(EvaluationOptions):
    """All options of `python -m nasp.cnn_eval`.

    Attributes:
        precision: float32, bf16 (autocast), or auto, which is bf16 on CUDA.
        workers: Number of processes that decode images of ImageNet's form, at most one for each
            core.
    """

    data: str = "cifar10"
    precision: Literal["auto", "float32", "bf16"] = "auto"
    workers: int = 4


@dataclass
class ExportConfig(ExportOptions):
    """All options of `python -m nasp.cnn_export`."""


@dataclass
class CompareConfig(StrategyCompareOptions):
    """All options of `python -m nasp.cnn_compare`.

    Attributes:
        data: Names in datasets/, or paths to data in a form that a search can read.
    """

    data: tuple[str, ...] = ("cifar10",)
    search: SearchOptions = field(default_factory=SearchOptions)
