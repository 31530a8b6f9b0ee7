"""The cells of a comparison: each is measured once, kept in a file of its own, and read again."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import torch

from nasp.core.environment import describe
from nasp.core.errors import NaspError
from nasp.core.files import write_text
from nasp.core.loop import Run
from sif.comparison.config import CompareConfig
from sif.comparison.methods import METHODS, TRIVIAL, methods_of
from sif.comparison.tuning import Watched, tune
from sif.data import Splits
from sif.metrics import errors
from sif.visible import Data


@dataclass(frozen=True)
class Cell:
    """One method on one split of one data set.

    Attributes:
        data: Name of the data set.
        method: Name of the method.
        embedding_dim: Length of an embedding; 0 for a method that has none.
        seed: Of the split and of all else.
        identity: The settings of the comparison that the result depends on.
        tuned: The hyper-parameters chosen on validation.
        metrics: Errors, in rating units and standardised.
        seconds: Wall time of training, on one thread, without tuning.
        parameters: How many numbers were learnt.
        found: What was found, if the method searches.
        curve: Seconds and smallest validation RMSE so far, at the end of each epoch.
        failed: Why there are no metrics.
        commit: Of the code that measured it, where that is a checkout.
    """

    data: str
    method: str
    embedding_dim: int
    seed: int
    identity: dict[str, Any]
    tuned: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    parameters: int = 0
    found: str = ""
    curve: list[list[float]] = field(default_factory=list)
    failed: str = ""
    commit: str = ""

    @property
    def name(self) -> str:
        """Unique in a comparison."""
        dim = f" dim={self.embedding_dim}" if self.embedding_dim else ""
        return f"{Path(self.data).stem} {self.method}{dim} seed={self.seed}"

    def measured(self, folder: Path) -> Self | None:
        """What the cell's file holds, None without one.

        Raises:
            NaspError: The file is damaged, or of other settings.
        """
        path = self._path(folder, "")
        body = _read(path)
        if body is None:
            return None
        try:
            cell = type(self)(**body)
        except TypeError as error:
            raise _damaged(path) from error
        mine = json.loads(json.dumps(self.identity))
        if changed := [k for k, v in mine.items() if cell.identity.get(k) != v]:
            raise NaspError(f"{path}: measured with another {changed[0]}: give another --output")
        return cell

    def write(self, folder: Path) -> None:
        """Write the cell's file, whole or not at all."""
        _write(self._path(folder, ""), asdict(self))

    def hyper_parameters(self, config: CompareConfig, folder: Path) -> dict[str, float]:
        """Those of the cell's group, chosen once on the split of the first seed, and kept."""
        if self.method in TRIVIAL:
            return {}
        path = replace(self, seed=config.seed)._path(folder, ", tuned")
        tuned: dict[str, float] | None = _read(path)
        if tuned is None:
            splits = config.load(self.data, config.seed)
            tuned = tune(
                METHODS[self.method],
                Data.of(splits.train, splits.valid),
                config.options(self.embedding_dim, {}),
                config.tune,
                config.tuning_trials,
                config.seed,
            )
            _write(path, tuned)
        return tuned

    def _path(self, folder: Path, suffix: str) -> Path:
        return folder / "cells" / f"{self.name.replace('/', '-')}{suffix}.json"


def planned(config: CompareConfig, entities: Mapping[str, int]) -> list[list[Cell]]:
    """The cells, in groups that are tuned together: one method, data set and embedding_dim.

    Args:
        config: All options.
        entities: How many columns of entities each data set has: methods that do not take as many
            are left out.
    """
    groups, identity = [], config.identity()
    seeds = range(config.seed, config.seed + config.seeds)
    for data in config.data:
        for method in methods_of(entities[data]):
            if method in TRIVIAL or not config.methods or method in config.methods:
                dims = (0,) if method in TRIVIAL else config.embedding_dims
                groups += [[Cell(data, method, d, seed, identity) for seed in seeds] for d in dims]
    return groups


def measure(group: list[Cell], config: CompareConfig, folder: Path) -> list[Cell]:
    """Measure those of a group that have no file yet, and read the others.

    Args:
        group: Cells that are tuned together.
        config: All options.
        folder: The comparison's.
    """
    torch.set_num_threads(1)
    cells = []
    for cell in group:
        measured = cell.measured(folder)
        if measured is None:
            tuned = cell.hyper_parameters(config, folder)
            splits = config.load(cell.data, cell.seed)
            commit = str(describe(torch.device("cpu"))["commit"] or "")
            measured = _measured(replace(cell, tuned=tuned, commit=commit), config, splits)
            measured.write(folder)
        cells.append(measured)
    return cells


def _measured(cell: Cell, config: CompareConfig, splits: Splits) -> Cell:
    data = Data.of(splits.train, splits.valid)
    options = config.options(cell.embedding_dim or config.search.embedding_dim, cell.tuned)
    watched, start = Watched(), time.perf_counter()
    try:
        fitted = METHODS[cell.method](data, options, cell.seed, Run(progress=watched))
    except NaspError as error:
        return replace(cell, failed=str(error))
    seconds = time.perf_counter() - start
    test = data.judge(splits.test)  # the only use of test ratings
    on_test = errors(fitted.rate(test), test, data.scale)
    return replace(
        cell,
        metrics={
            "valid/rmse": errors(fitted.rate(data.valid), data.valid, data.scale)["rmse"],
            "test/rmse": on_test["rmse"],
            "test/rmse_standardized": on_test["rmse"] / splits.deviation(),
            "test/mae": on_test["mae"],
        },
        seconds=seconds,
        parameters=fitted.parameters,
        found=fitted.found,
        curve=[list(point) for point in zip(watched.seconds, watched.best(), strict=True)],
    )


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> NaspError:
    return NaspError(f"{path}: damaged: delete it, and it is measured again")


def _write(path: Path, body: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(body) + "\n")
