"""The cells of a comparison: each is measured once, kept in a file of its own, and read again."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import torch

from nasp.atomic_io import write_text
from nasp.errors import NaspError, one_line
from nasp.files.digest import KEY, digest_matches, with_digest
from nasp.files.json_file import read_json
from nasp.files.schema import (
    LARGEST,
    Rule,
    anything,
    integer,
    mapping,
    number,
    section,
    sequence,
    text,
)
from nasp.runs.context import RunContext
from nasp.runs.environment import describe
from sif.comparison.config import CompareConfig
from sif.comparison.methods import METHODS, TRIVIAL, methods_of
from sif.comparison.tuning import Watched, tune
from sif.data import Splits
from sif.data.evaluation import evaluate_predictions
from sif.data.rating_tensors import Ratings
from sif.data.search_data import SearchData


@dataclass(frozen=True)
class Cell:
    """One method on one split of one data set.

    Attributes:
        data: Name of the data set.
        method: Name of the method.
        embedding_dim: Length of an embedding; 0 for a method that has none.
        seed: Of the split and of all else.
        identity: The settings of the comparison that the result depends on, and the digest of the
            data.
        label: What tells the data set from the others of the comparison.
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
    label: str
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
        return f"{self.label} {self.method}{dim} seed={self.seed}"

    def measured(self, folder: Path) -> Self | None:
        """What the cell's file holds, None without one.

        Raises:
            NaspError: The file is damaged, or of another cell, other settings or other data.
        """
        body = self._read(self._path(folder, ""), CELL)
        return None if body is None else type(self)(**body)

    def write(self, folder: Path) -> None:
        """Write the cell's file, whole or not at all."""
        self._write(self._path(folder, ""), asdict(self))

    def hyper_parameters(self, config: CompareConfig, folder: Path) -> dict[str, float]:
        """Those of the cell's group, chosen once on the split of the first seed, and kept."""
        if self.method in TRIVIAL:
            return {}
        first = replace(self, seed=config.seed)
        path = first._path(folder, ", tuned")
        measured = first._read(path, CELL)
        tuned: dict[str, float] | None = None if measured is None else measured["tuned"]
        if tuned is None:
            splits = config.load(self.data, config.seed)
            tuned = tune(
                self.method,
                SearchData.from_splits(splits.train, splits.valid),
                config.options(self.method, self.embedding_dim, {}),
                config.tune.of(self.method),
                config.tuning_trials,
                config.seed,
            )
            first._write(path, asdict(replace(first, tuned=tuned)))
        return tuned

    def _read(self, path: Path, rule: Rule) -> dict[str, Any] | None:
        """The content of a file of this cell's, None without one; raises like `measured`."""
        if not path.exists():
            return None
        damaged = f"{path}: damaged: delete it, and it is measured again"
        try:
            body: Any = read_json(path, "cell")
            if not isinstance(body, dict) or not digest_matches(body):
                raise NaspError(damaged)
            body = {key: value for key, value in body.items() if key != KEY}
            rule(body, "")
        except NaspError as error:
            raise NaspError(damaged) from error
        mine, its = json.loads(json.dumps(asdict(self))), body
        for key in ("method", "embedding_dim", "seed"):
            if mine[key] != its[key]:
                raise NaspError(f"{path}: of another {key}, {its[key]!r}: give another --output")
        mine, its = mine["identity"], its["identity"]
        if changed := [k for k in sorted(mine | its) if mine.get(k) != its.get(k)]:
            raise NaspError(f"{path}: measured with another {changed[0]}: give another --output")
        return dict(body)

    def _write(self, path: Path, body: Mapping[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(with_digest(body)) + "\n")

    def _path(self, folder: Path, suffix: str) -> Path:
        return folder / "cells" / f"{self.name.replace('/', '-')}{suffix}.json"


CELL = section(
    {
        **dict.fromkeys(("data", "method", "label", "found", "failed", "commit"), text),
        "embedding_dim": integer(),
        "seed": integer(-LARGEST),
        "identity": mapping(anything),
        "tuned": mapping(number()),
        "metrics": mapping(number()),
        "seconds": number(),
        "parameters": integer(),
        "curve": sequence(sequence(number(), 2)),
    }
)


def planned(
    config: CompareConfig, entities: Mapping[str, int], digests: Mapping[str, str]
) -> list[list[Cell]]:
    """The cells, in groups that are tuned together: one method, data set and embedding_dim.

    Args:
        config: All options.
        entities: How many columns of entities each data set has: methods that do not take as many
            are left out.
        digests: Of each data set, which the cells depend on.

    Raises:
        NaspError: A method that is asked for takes as many entities as no data set has.
    """
    for method in config.methods:
        if not any(method in methods_of(entities[data]) for data in config.data):
            counts = " or ".join(map(str, sorted(set(entities.values()))))
            raise NaspError(
                f"{method} does not take ratings by {counts} entities: leave it out of --methods"
            )
    groups = []
    seeds = range(config.seed, config.seed + config.seeds)
    stems = [Path(data).stem for data in config.data]
    for data in config.data:
        identity = {**config.identity(), "data_sha256": digests[data]}
        label = Path(data).stem if stems.count(Path(data).stem) == 1 else data
        for method in methods_of(entities[data]):
            if method in TRIVIAL or not config.methods or method in config.methods:
                dims = (0,) if method in TRIVIAL else config.embedding_dims
                groups += [
                    [Cell(data, method, d, seed, identity, label) for seed in seeds] for d in dims
                ]
    return groups


def measure(shared: tuple[CompareConfig, Path], group: list[Cell]) -> list[Cell]:
    """The job of a group: measure those cells that have no file yet, and read the others.

    Args:
        shared: All options, and the comparison's folder.
        group: Cells that are tuned together.
    """
    torch.set_num_threads(1)  # times are those of one thread
    config, folder = shared
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
    data = SearchData.from_splits(splits.train, splits.valid)
    dim = cell.embedding_dim or config.search.embedding_dim
    options = config.options(cell.method, dim, cell.tuned)
    watched, start = Watched(), time.perf_counter()
    try:
        fitted = METHODS[cell.method](data, options, cell.seed, RunContext(progress=watched))
    except Exception as error:
        line = one_line(error)
        if line is None:  # a fault of the program
            raise
        return replace(cell, failed=line)
    seconds = time.perf_counter() - start
    # The global mean is one for all ratings; other models have biases for ids that are unseen.
    biases = None if cell.method == "global mean" else data.biases
    valid, test = (  # the only use of test ratings
        Ratings.encode(part, data.encoder, data.scale, biases, data.train.ratings.device)
        for part in (splits.valid, splits.test)
    )
    on_test = evaluate_predictions(fitted.rate(test), test, data.scale)
    return replace(
        cell,
        metrics={
            "valid/rmse": evaluate_predictions(fitted.rate(valid), valid, data.scale)["rmse"],
            "test/rmse": on_test["rmse"],
            "test/rmse_standardized": on_test["rmse"] / splits.deviation(),
            "test/mae": on_test["mae"],
        },
        seconds=seconds,
        parameters=fitted.parameters,
        found=fitted.found,
        curve=[list(point) for point in zip(watched.seconds, watched.best(), strict=True)],
    )
