"""The options of every comparison."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nasp.cli.config import flatten
from nasp.cli.option_checks import MANY, check_at_most, check_positive
from nasp.errors import NaspError, check_known
from nasp.experiment.run_folder import RunOptions
from nasp.files.json_file import first_repeated
from nasp.registry import chosen_name, class_and_options
from nasp.search.options import STRATEGIES, SearchOptions

RANDOM = "random_cell"  # the method that draws a cell at random


@dataclass
class CompareOptions(RunOptions):
    """Options of a comparison.

    Attributes:
        data: Names in datasets/, or paths.
        methods: Methods to compare; all if empty.
        seeds: Number of seeds, from `seed` on; all methods use the same seeds.
        strategies: Strategies' own options, for example {nasp: {eta: 0.1}}.
        search: Options of all methods.
    """

    data: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    seeds: int = 3
    strategies: dict[str, dict[str, Any]] = field(default_factory=dict)
    search: Any = field(default_factory=SearchOptions)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.methods:
            check_known("method", name, self.known_methods())
        check_positive(self, "seeds")
        check_at_most(self, MANY, "seeds")
        for name in self.listed():
            values = getattr(self, name)
            if not values and name in ("data", "embedding_dims"):
                raise NaspError(f"{name} is empty: name one or more")
            if (twice := first_repeated(values)) is not None:
                raise NaspError(f"{name} has {twice} twice: name it once")
        default = type(self.search)().strategy
        if self.search.strategy != default:
            raise NaspError(
                f"search.strategy is {chosen_name(self.search.strategy)}; a comparison takes "
                "strategies by --methods, and their own options by --strategies"
            )
        for name, own in self.strategies.items():
            check_known("strategy in strategies:", str(name), STRATEGIES)
            if not isinstance(own, Mapping):
                raise NaspError(f"strategies.{name} is {own!r:.60}: give its options, {{eta: 0.1}}")
            class_and_options(self.of_strategy(name), "strategy")

    def known_methods(self) -> Collection[str]:
        """Names of all methods."""
        return STRATEGIES

    def listed(self) -> Collection[str]:
        """Names of the options that list what is compared."""
        return ("data", "methods")

    def labels(self) -> dict[str, str]:
        """Return the label of each data set in tables: its name, or its path if names are equal."""
        stems = [Path(name).stem for name in self.data]
        return {
            name: stem if stems.count(stem) == 1 else name
            for name, stem in zip(self.data, stems, strict=True)
        }

    def of_strategy(self, name: str) -> Any:
        """Return the options of a search with a strategy."""
        return replace(self.search, strategy={**self.strategies.get(name, {}), "name": name})

    def identity(self, method: str) -> dict[str, Any]:
        """Return the options that a method's result depends on."""
        elsewhere = {*RunOptions.__dataclass_fields__, *self.listed(), "data_dir", "seeds"}
        elsewhere |= {"strategies", "search"}
        kept = {k: v for k, v in flatten(self).items() if k.split(".")[0] not in elsewhere}
        search = self.of_strategy(method) if method in STRATEGIES else self.search
        own = {k: v for k, v in flatten(search, "search.").items() if k != "search.workers"}
        return kept | own


@dataclass
class StrategyCompareOptions(CompareOptions):
    """Options of a comparison of strategies, whose architectures are then trained alone.

    Attributes:
        methods: Strategies, and random_cell, which draws a random cell for each seed. All if empty.
        genotypes: Further cells to train: published ones by name, genotype.json files, or folders
            of runs.
        trainings: Number of trainings of each cell, from different initial weights; the table has
            their mean.
        data_dir: Folder that holds data sets; null takes NASP_DATA.
    """

    genotypes: tuple[str, ...] = ()
    trainings: int = 1
    data_dir: Path | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "trainings")
        check_at_most(self, MANY, "trainings")

    def known_methods(self) -> Collection[str]:
        return (*STRATEGIES, RANDOM)

    def listed(self) -> Collection[str]:
        return ("data", "methods", "genotypes")
