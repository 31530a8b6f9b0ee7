"""All options of `python -m sif.compare`."""

from dataclasses import dataclass, field, fields, replace
from typing import Any

from nasp.cli.config import flatten
from nasp.cli.option_checks import MANY, above_zero, at_most, not_negative
from nasp.errors import NaspError, check_known
from nasp.experiment.run_folder import RunOptions
from nasp.files.json_file import first_repeated
from nasp.samplers import SAMPLERS
from nasp.strategies import ONE_SHOT
from sif.baselines import BASELINES
from sif.config import RatingOptions
from sif.options import SearchOptions

Bounds = tuple[float, float]
"""Smallest and largest value of a hyper-parameter, which is drawn on a logarithmic scale."""
MEASURE = 2  # of what the numbers of a cell mean: it changes where the same settings give others
NAMES = (*BASELINES, *ONE_SHOT, *SAMPLERS, "general_mlp")
"""What can be compared, beside the global mean and the biases."""


@dataclass(frozen=True)
class Ranges:
    """What is tuned for every method, and between which bounds; null leaves one as it is.

    Attributes:
        learning_rate: Of the weights.
        weight_decay: Of the penalty.
        architecture_learning_rate: Of methods that train an architecture; others ignore it.
    """

    learning_rate: Bounds | None = (0.01, 0.5)
    weight_decay: Bounds | None = (1e-3, 1.0)
    architecture_learning_rate: Bounds | None = None

    def __post_init__(self) -> None:
        for name, bounds in self.given().items():
            if not 0 < bounds[0] < bounds[1]:
                raise NaspError(f"tune.{name} is {list(bounds)}; it must be two numbers, 0 < a < b")

    def given(self) -> dict[str, Bounds]:
        """Those that are tuned."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: bounds for name, bounds in values.items() if bounds is not None}


@dataclass
class CompareConfig(RunOptions, RatingOptions):
    """All options of `python -m sif.compare`.

    Attributes:
        data: Names in datasets/, or paths.
        methods: What is compared; all if empty. The global mean and the biases always are; methods
            that do not take as many entities as a data set has are left out.
        embedding_dims: Lengths of an embedding.
        seeds: Number of splits, from `seed` on; each method sees the same ones.
        tuning_trials: Sets of hyper-parameters tried for each method, data set and length.
        tune: Bounds of the hyper-parameters.
        search: Options of every method that are neither compared nor tuned.
        jobs: Processes, of one thread each.
    """

    data: tuple[str, ...] = ("movielens",)
    methods: tuple[str, ...] = ()
    embedding_dims: tuple[int, ...] = (8,)
    seeds: int = 5
    tuning_trials: int = 12
    tune: Ranges = Ranges()
    search: SearchOptions = field(default_factory=SearchOptions)
    jobs: int = 1

    def __post_init__(self) -> None:
        for name in self.methods:
            check_known("method", name, NAMES)
        above_zero(self, "seeds", "jobs")
        at_most(self, MANY, "seeds", "tuning_trials")
        not_negative(self, "tuning_trials")
        for name in ("data", "embedding_dims"):
            if not getattr(self, name):
                raise NaspError(f"{name} is empty: name one or more")
        for name in ("data", "embedding_dims", "methods"):
            if (twice := first_repeated(getattr(self, name))) is not None:
                raise NaspError(f"{name} has {twice} twice: name it once")

    def options(self, embedding_dim: int, tuned: dict[str, float]) -> SearchOptions:
        """Options of one method on one data set."""
        values: dict[str, Any] = dict(tuned)
        return replace(self.search, embedding_dim=embedding_dim, **values)

    def identity(self) -> dict[str, Any]:
        """The settings that a cell's result depends on, beside its own name."""
        elsewhere = {*RunOptions.__dataclass_fields__, "data", "data_dir", "methods", "jobs"}
        elsewhere |= {"embedding_dims", "seeds"}
        kept = {k: v for k, v in flatten(self).items() if k.split(".")[0] not in elsewhere}
        return {**kept, "tuned on seed": self.seed, "measure": MEASURE}
