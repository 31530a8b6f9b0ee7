"""`TrialStore`, which keeps the ended trials of a run in files."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nasp.atomic_io import write_text
from nasp.core.genotype import Genotype
from nasp.errors import NaspError
from nasp.files import schema
from nasp.files.digest import KEY, digest_matches, with_digest
from nasp.files.json_file import read_json
from nasp.runs.checkpoint import check_prolongs
from nasp.samplers.trial import Trial

VERSION = 2
SCHEMA = schema.section(
    {
        "version": schema.integer(),
        "configuration": schema.text,
        "epochs": schema.optional(schema.integer()),
        "kind": schema.text,
        "origin": schema.text,
        "number": schema.integer(),
        "choices": schema.mapping(schema.sequence(schema.sequence(schema.text, 2))),
        "offsets": schema.sequence(schema.number()),
        "state": schema.one_of("complete", "failed", "pruned"),
        "score": schema.optional(schema.number()),
        "genotype": schema.optional(schema.text),
        "metrics": schema.mapping(schema.number()),
        "histories": schema.mapping(schema.sequence(schema.mapping(schema.number()))),
        "seconds": schema.number(),
        "reason": schema.text,
        "failures": schema.mapping(schema.text),
    }
)


class TrialStore:
    """Keeps trials that have ended, each in a file that is written once.

    Args:
        folder: Folder of the files, made with the first file; None keeps the trials in memory.
        config: The settings that the results depend on. Trials with other settings are refused.
        epochs: Number of epochs of the run, if it may be larger than that of trials on file; see
            `nasp.runs.checkpoint.Checkpoint`.
    """

    def __init__(
        self,
        folder: Path | None = None,
        config: Mapping[str, Any] | None = None,
        epochs: int | None = None,
    ) -> None:
        self.folder, self.epochs = folder, epochs
        settings = json.dumps({k: str(v) for k, v in (config or {}).items()}, sort_keys=True)
        self._configuration = hashlib.sha256(settings.encode()).hexdigest()
        self._trials: dict[str, Trial] = {}

    def get(self, name: str) -> Trial | None:
        """Return the trial of a name, or None if it has not ended with as many epochs as the run's.

        Raises:
            NaspError: Its file is damaged, has another version or configuration, or is of more
                epochs.
        """
        if name not in self._trials and self.folder is not None and self._path(name).exists():
            trial, epochs = self._read(self._path(name), name)
            if epochs == self.epochs:
                self._trials[name] = trial
        return self._trials.get(name)

    def put(self, trial: Trial) -> None:
        """Store a trial that has ended, unless one of this name is stored.

        Raises:
            OSError: The file cannot be written.
        """
        if self.get(trial.name) is not None:
            return
        self._trials[trial.name] = trial
        if self.folder is not None:
            body = {"version": VERSION, "configuration": self._configuration, **asdict(trial)}
            body["epochs"] = self.epochs
            body["score"] = trial.score if trial.state == "complete" else None
            body["genotype"] = None if trial.genotype is None else trial.genotype.to_json()
            self.folder.mkdir(exist_ok=True)
            write_text(self._path(trial.name), json.dumps(with_digest(body), indent=1) + "\n")

    def _path(self, name: str) -> Path:
        assert self.folder is not None
        return self.folder / f"{name.replace(' ', '-')}.json"

    def _read(self, path: Path, name: str) -> tuple[Trial, int | None]:
        body: Any = read_json(path, "trial")
        damaged = f"{path}: the trial's file is damaged: remove it to repeat the trial"
        try:
            if not isinstance(body, dict) or not digest_matches(body):
                raise NaspError(damaged)
            body = {key: value for key, value in body.items() if key != KEY}
            schema.integer()(body.get("version"), "version")
            if body["version"] == VERSION:
                SCHEMA(body, "")
                _check_histories(body)
        except NaspError as error:
            raise NaspError(damaged) from error
        if (version := body.pop("version")) != VERSION:
            raise NaspError(f"{path}: trial version {version}, this program reads {VERSION}")
        if body.pop("configuration") != self._configuration:
            raise NaspError(
                f"{path}: the trial is of another configuration: set it back, or give another "
                "--output"
            )
        if (epochs := body.pop("epochs")) is not None and self.epochs is not None:
            check_prolongs(f"{path}: the trial", epochs, self.epochs)
        genotype = body["genotype"]
        trial = Trial(
            **{
                **body,
                "choices": {k: tuple(map(tuple, v)) for k, v in body["choices"].items()},
                "offsets": tuple(body["offsets"]),
                "score": float("inf") if body["score"] is None else body["score"],
                "genotype": None if genotype is None else Genotype.from_json(genotype, str(path)),
            }
        )
        if trial.name != name:
            raise NaspError(damaged)
        return trial, epochs


def _check_histories(body: Mapping[str, Any]) -> None:
    """Check that each training has at least one epoch, and each epoch all metrics of the trial."""
    for name, history in body["histories"].items():
        if not history or any(epoch.keys() != body["metrics"].keys() for epoch in history):
            raise NaspError(f"the epochs of {name} lack metrics of the trial")
