"""`Measurement` of a comparison, with a file that is written once and read on resume."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from nasp.atomic_io import write_text
from nasp.errors import NaspError
from nasp.files.digest import KEY, digest_matches, with_digest
from nasp.files.json_file import read_json
from nasp.files.schema import (
    LARGEST,
    anything,
    integer,
    mapping,
    number,
    section,
    sequence,
    text,
)

FOLDER = "measurements"


@dataclass(frozen=True)
class Measurement:
    """One method on one data set with one seed.

    Attributes:
        data: Name or path of the data set.
        method: Name of the method.
        seed: Determines all random numbers.
        identity: Options and digest of the data, which the result depends on as well.
        label: Name of the data set in tables.
        settings: Further compared options, for example `{"embedding_dim": 8}`.
        tuned: Hyper-parameters that were tuned on validation data.
        metrics: The metrics, by tracking name.
        seconds: Wall time of the parts, on one thread, without tuning.
        found: The found architecture, if the method searches.
        curve: Seconds and best validation value so far, after each epoch.
        failed: Why the measurement failed; empty if it did not.
        commit: Commit of the code, if it is a checkout.
    """

    data: str
    method: str
    seed: int
    identity: dict[str, Any]
    label: str
    settings: dict[str, int] = field(default_factory=dict)
    tuned: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    found: str = ""
    curve: list[list[float]] = field(default_factory=list)
    failed: str = ""
    commit: str = ""

    @property
    def row(self) -> str:
        """Name of the row in the tables, which all seeds of a method share."""
        return " ".join([self.method, *(f"{key}={value}" for key, value in self.settings.items())])

    @property
    def name(self) -> str:
        """Name of the measurement, unique in a comparison."""
        return f"{self.label} {self.row} seed={self.seed}"

    def read(self, folder: Path) -> Self | None:
        """Read the measurement's file in a comparison's folder; None if there is none.

        Raises:
            NaspError: The file is damaged, or has another measurement, other options or other data.
        """
        return self._read(self.path(folder))

    def write(self, folder: Path) -> None:
        """Write the measurement's file, atomically."""
        self._write(self.path(folder))

    def with_tuned(self, folder: Path, seed: int) -> Self | None:
        """Return the measurement with the hyper-parameters that were tuned on the data of a seed.

        They are read from the file of `write_tuned`; None if there is none.

        Raises:
            NaspError: See `read`.
        """
        first = replace(self, seed=seed)
        tuned = first._read(first.path(folder, ", tuned"))
        return None if tuned is None else replace(self, tuned=tuned.tuned)

    def write_tuned(self, folder: Path, seed: int, tuned: Mapping[str, float]) -> Self:
        """Write hyper-parameters that were tuned on the data of a seed, and return `with_tuned`."""
        first = replace(self, seed=seed, tuned=dict(tuned))
        first._write(first.path(folder, ", tuned"))
        return replace(self, tuned=dict(tuned))

    def path(self, folder: Path, suffix: str = "") -> Path:
        """Return the path of the measurement's file."""
        return folder / FOLDER / f"{self.name.replace('/', '-')}{suffix}.json"

    def _read(self, path: Path) -> Self | None:
        if not path.exists():
            return None
        damaged = f"{path}: damaged: delete it, and the measurement is made again"
        try:
            body: Any = read_json(path, "measurement")
            if not isinstance(body, dict) or not digest_matches(body):
                raise NaspError(damaged)
            body = {key: value for key, value in body.items() if key != KEY}
            SCHEMA(body, "")
        except NaspError as error:
            raise NaspError(damaged) from error
        mine = json.loads(json.dumps(asdict(self)))
        for key in ("method", "settings", "seed"):
            if mine[key] != body[key]:
                raise NaspError(f"{path}: of another {key}, {body[key]!r}: give another --output")
        mine, its = mine["identity"], body["identity"]
        if changed := [k for k in sorted(mine | its) if mine.get(k) != its.get(k)]:
            raise NaspError(f"{path}: measured with another {changed[0]}: give another --output")
        return type(self)(**body)

    def _write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(with_digest(asdict(self))) + "\n")


SCHEMA = section(
    {
        **dict.fromkeys(("data", "method", "label", "found", "failed", "commit"), text),
        "seed": integer(-LARGEST),
        "identity": mapping(anything),
        "settings": mapping(integer()),
        "tuned": mapping(number()),
        "metrics": mapping(number()),
        "seconds": mapping(number()),
        "curve": sequence(sequence(number(), 2)),
    }
)
