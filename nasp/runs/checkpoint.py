"""The checkpoint of a run: a folder with a file for each phase."""

import hashlib
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from nasp.atomic_io import remove_leftovers, write_atomic
from nasp.errors import NaspError
from nasp.files.digest import digest_matches, with_digest
from nasp.files.schema import integer, sequence
from nasp.runs.model_file import DAMAGE, load_plain
from nasp.runs.process import rank

VERSION = 4
SECONDS_BETWEEN_WRITES = 2.0

HOW = {
    "threads": " by OMP_NUM_THREADS",
    "processes": " by torchrun",
}  # settings that are no options


class Checkpoint:
    """Named sections, one for each phase of a run, each in its own file, written atomically.

    Only the section that changed is written, so the time of a write does not grow with the number
    of phases. If several processes share a run, only the first one writes.

    Args:
        folder: Folder of the files, made with the first file; None keeps everything in memory.
        config: The settings that the results depend on. A checkpoint with others is refused.
        resume: Read existing files, and remove temporary files of killed writes.
        epochs: Number of epochs of the run, if files of fewer epochs may be read; then `config` is
            without it. None if the run cannot be prolonged.

    Attributes:
        prolonged_from: The smaller numbers of epochs with which the run was started before.

    Raises:
        NaspError: A file is damaged, has another version or configuration, or is of more epochs.
    """

    def __init__(
        self,
        folder: Path | None = None,
        config: Mapping[str, Any] | None = None,
        resume: bool = False,
        epochs: int | None = None,
    ) -> None:
        self.folder, self.epochs = folder, epochs
        self.prolonged_from: list[int] = []
        self.config = {key: str(value) for key, value in (config or {}).items()}
        self.sections: dict[str, Any] = {}
        self._unwritten: str | None = None
        self._written = time.monotonic()
        if resume and folder is not None:
            self._read_all(folder)
            if rank() == 0:
                remove_leftovers(folder)

    def __reduce__(self) -> Any:
        """Pickle so that another process reads the existing files and writes its own sections."""
        return _reopened, (self.folder, self.config, self.epochs)

    def get(self, section: str) -> Any | None:
        """Return the latest state of a section, None if there is none."""
        return self.sections.get(section)

    def put(self, section: str, state: Any, *, now: bool = False) -> None:
        """Replace the state of a section. Write its file at once if `now`, else every few seconds.

        A killed run that resumes from an older state repeats the same steps with the same result,
        so only a few seconds of work are lost between two writes.

        Raises:
            OSError: The file cannot be written; the previous file is unchanged.
        """
        if self._unwritten != section:
            self.flush()
        self.sections[section], self._unwritten = state, section
        if now or time.monotonic() - self._written >= SECONDS_BETWEEN_WRITES:
            self.flush()

    def flush(self) -> None:
        """Write all states that are not in their files yet; raises like `put`."""
        if self._unwritten is None:
            return
        if self.folder is not None and rank() == 0:
            self.folder.mkdir(exist_ok=True)
            self._write(self._unwritten)
        self._unwritten, self._written = None, time.monotonic()

    def place(self, section: str) -> str:
        """Return the place of a section, for messages."""
        return f"the state of {section!r}" if self.folder is None else str(self._path(section))

    def _path(self, section: str) -> Path:
        """Return the path of a section's file: a readable part of its name and a unique digest."""
        assert self.folder is not None
        readable = re.sub(r"[^A-Za-z0-9]+", "-", section)[:60].strip("-")
        digest = hashlib.sha256(section.encode()).hexdigest()[:8]
        return self.folder / f"{readable}-{digest}.pt"

    def _write(self, section: str) -> None:
        numbers = [] if self.epochs is None else [*self.prolonged_from, self.epochs]
        body = {"version": VERSION, "config": self.config, "epochs": numbers, "section": section}
        whole = with_digest({**body, "state": self.sections[section]})
        write_atomic(self._path(section), lambda file: torch.save(whole, file))

    def _read_all(self, folder: Path) -> None:
        for path in sorted(folder.glob("*.pt")):
            section, state = self._read(path)
            self.sections[section] = state

    def _read(self, path: Path) -> tuple[str, Any]:
        try:
            body = load_plain(path, "checkpoint")
            if not digest_matches(body):
                raise ValueError("its digest differs")
            version, config = body["version"], dict(body["config"])
            section, state = str(body["section"]), body["state"]
            numbers = body["epochs"] if version == VERSION else []
            sequence(integer())(numbers, "epochs")
        except DAMAGE as error:  # NaspError is a ValueError
            raise NaspError(
                f"{path}: not a checkpoint, or damaged: remove it to repeat its part of the run"
            ) from error
        if version != VERSION:
            raise NaspError(f"{path}: checkpoint version {version}, this program reads {VERSION}")
        for key in sorted(config.keys() | self.config.keys()):
            old, new = config.get(key), self.config.get(key)
            if old != new:
                raise NaspError(
                    f"{path}: the checkpoint is of another configuration: {key} was {old}, "
                    f"now {new}: set it back{HOW.get(key, '')}, or give another --output"
                )
        self._note_epochs(path, numbers)
        if path != self._path(section):
            raise NaspError(f"{path}: not the file of {section!r}, which it holds: remove it")
        return section, state

    def _note_epochs(self, path: Path, numbers: list[int]) -> None:
        if self.epochs is None:
            return
        check_prolongs(f"{path}: the checkpoint", max(numbers, default=0), self.epochs)
        earlier = {*self.prolonged_from, *numbers} - {self.epochs}
        self.prolonged_from = sorted(earlier)


def check_prolongs(what: str, before: int, epochs: int) -> None:
    """Check that a run is continued with as many epochs as before, or with more.

    Raises:
        NaspError: `epochs` is smaller than `before`.
    """
    if epochs < before:
        raise NaspError(
            f"{what} is of {before} epochs, and epochs is now {epochs}: give {before} or more, or "
            "another --output"
        )


def _reopened(folder: Path | None, config: Mapping[str, Any], epochs: int | None) -> Checkpoint:
    checkpoint = Checkpoint(folder, config, epochs=epochs)
    if folder is not None:
        checkpoint._read_all(folder)
    return checkpoint
