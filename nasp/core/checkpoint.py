"""One file that holds all that a killed run needs to go on."""

import pickle
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from nasp.core.errors import NaspError
from nasp.core.files import write_atomic
from nasp.core.parallel import rank

VERSION = 1
SECONDS_BETWEEN_WRITES = 2.0


class Checkpoint:
    """Named sections, one for each phase of a run, in a file that is always whole.

    Where several processes share a run, the first one writes.

    Args:
        path: The file; None keeps everything in memory.
        config: The settings that the results depend on. A checkpoint of others is refused.
        resume: Read `path` if it exists.

    Raises:
        NaspError: The file is damaged, of another version or of another configuration.
    """

    def __init__(
        self,
        path: Path | None = None,
        config: Mapping[str, Any] | None = None,
        resume: bool = False,
    ) -> None:
        self.path = path
        self.config = {key: str(value) for key, value in (config or {}).items()}
        self.sections: dict[str, Any] = {}
        self._written = time.monotonic()
        if resume and path is not None and path.exists():
            self.sections = self._read(path)

    def get(self, section: str) -> Any | None:
        """What was last put there, None if nothing was."""
        return self.sections.get(section)

    def put(self, section: str, state: Any, *, now: bool = False) -> None:
        """Replace a section; the file follows at once if `now`, else every few seconds.

        A run that goes on from an older state repeats the same steps to the same result, so
        nothing but a little time is lost between two writes.

        Raises:
            OSError: The file cannot be written; the one before it is still whole.
        """
        self.sections[section] = state
        if self.path is None or rank() > 0:
            return
        if now or time.monotonic() - self._written >= SECONDS_BETWEEN_WRITES:
            body = {"version": VERSION, "config": self.config, "sections": self.sections}
            write_atomic(self.path, lambda file: torch.save(body, file))
            self._written = time.monotonic()

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            body = torch.load(path, map_location="cpu", weights_only=True)
            version, config = body["version"], body["config"]
            sections: dict[str, Any] = body["sections"]
        except (RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
            raise NaspError(
                f"{path}: not a checkpoint, or damaged: remove it to start again"
            ) from error
        if version != VERSION:
            raise NaspError(f"{path}: checkpoint version {version}, this program reads {VERSION}")
        for key in sorted(config.keys() | self.config.keys()):
            old, new = config.get(key), self.config.get(key)
            if old != new:
                raise NaspError(
                    f"{path}: the checkpoint is of another configuration: {key} was {old}, "
                    f"now {new}: set it back, or give another --output"
                )
        return sections
