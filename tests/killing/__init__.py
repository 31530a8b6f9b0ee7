"""Kills processes at chosen moments: just before they rename a file to its final name.

All files of a run are written under a temporary name and renamed. So each rename is a moment to
kill the run, which then leaves all earlier files and a temporary one.
"""

import os
from pathlib import Path


class Killing:
    """A moment at which processes are killed.

    Args:
        folder: Folder of the processes' marks; made if it is missing.
        before: Pattern of the final path of the file.
        nth: Number of the matching file in each process, from 1; 0 kills no process.
        times: Number of processes that are killed; the others continue.
    """

    def __init__(self, folder: Path, before: str, nth: int = 1, times: int = 1) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        path = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        self.variables = {
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
            "NASP_KILLING_FOLDER": str(folder),
            "NASP_KILLING_PATTERN": before,
            "NASP_KILLING_NTH": str(nth),
            "NASP_KILLING_TIMES": str(times),
        }

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables for the processes."""
        return {**os.environ, **self.variables}

    @property
    def killed(self) -> int:
        """Number of processes that were killed."""
        return len(list(self.folder.glob("killed *")))

    @property
    def renamed(self) -> list[str]:
        """The matching files that all processes have renamed."""
        file = self.folder / "renamed"
        return file.read_text().splitlines() if file.exists() else []
