"""The options of `python -m nasp.bench`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nasp.cli.option_checks import MANY, check_at_most, check_positive
from nasp.errors import NaspError, check_known
from nasp.experiment.run_folder import RunOptions
from nasp.files.json_file import first_repeated
from nasp.registry import class_and_options
from nasp.samplers import SAMPLERS
from nasp.search.options import SearchOptions
from nasp.strategies import ONE_SHOT
from nasp.tabular import TABLES


@dataclass
class BenchOptions(RunOptions):
    """Options of a benchmark of samplers.

    Attributes:
        space: The search space: nasbench201, nasbench_macro or sif_bench.
        table: The table; null looks for it in data_dir, NASP_DATA and the working folder.
        data: Data sets of the table; all if empty.
        strategies: Samplers to judge; all if empty.
        seeds: Number of seeds, from `seed` on.
        trials: Numbers of trials after which the answer is judged; the space's own if empty.
        options: Samplers' own options, for example {evolution: {population: 20}}.
        data_dir: Folder that holds data sets; null takes NASP_DATA.
    """

    space: str = "nasbench201"
    table: Path | None = None
    data: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    seeds: int = 500
    trials: tuple[int, ...] = ()
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    data_dir: Path | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_known("space", self.space, TABLES)
        for name in (*self.strategies, *self.options):
            if name in ONE_SHOT:
                raise NaspError(
                    f"{name} searches on shared weights, and a table has no network to train: give "
                    f"some of {', '.join(SAMPLERS)}"
                )
            check_known("sampler", name, SAMPLERS)
        for name in ("data", "strategies", "trials"):
            if (twice := first_repeated(list(map(str, getattr(self, name))))) is not None:
                raise NaspError(f"{name} has {twice} twice: name it once")
        check_positive(self, "seeds")
        check_at_most(self, MANY, "seeds")
        if self.trials and not 1 <= min(self.trials) <= max(self.trials) <= MANY:
            raise NaspError(f"trials are {self.trials}: give numbers from 1 to {MANY}")
        for name in self.options:
            self.sampler(name)

    def sampler(self, name: str) -> tuple[Any, Any]:
        """Return the class and the options of a sampler.

        Raises:
            NaspError: An option is unknown or has an impossible value.
        """
        own = self.options.get(name, {})
        if not isinstance(own, Mapping):
            raise NaspError(f"options.{name} is {own!r:.60}: give its options")
        return class_and_options(SearchOptions(strategy={**own, "name": name}), "strategy")
