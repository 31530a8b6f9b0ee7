"""Kills processes at chosen moments: when they are about to put a file in place.

All files of a run are written beside their place and renamed, so each rename is a moment at which
the run can be killed, with all that it wrote before and a temporary file left over.
"""

import os
from pathlib import Path


class Killing:
    """A moment at which processes are killed.

    Args:
        folder: Where they leave their marks; made if missing.
        before: Pattern of the path of the file that is about to be put in place.
        nth: Which of the files of the pattern, in each process, from 1; 0 kills none.
        times: How many processes are killed; the others go on.
        blocks: Stop processes there, rather than kill them; see `blocked`.
    """

    def __init__(
        self, folder: Path, before: str, nth: int = 1, times: int = 1, blocks: bool = False
    ) -> None:
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
        if blocks:
            os.mkfifo(folder / "blocked")
            self.variables["NASP_KILLING_BLOCKS"] = "1"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the processes."""
        return {**os.environ, **self.variables}

    @property
    def killed(self) -> int:
        """How many processes were killed."""
        return len(list(self.folder.glob("killed *")))

    @property
    def renamed(self) -> list[str]:
        """The files of the pattern that were put in place, by all processes."""
        file = self.folder / "renamed"
        return file.read_text().splitlines() if file.exists() else []

    def blocked(self, processes: int) -> list[int]:
        """Wait until so many processes stand still; returns their numbers."""
        numbers: list[int] = []
        while len(numbers) < processes:
            with (self.folder / "blocked").open() as pipe:  # until a writer has closed it
                numbers += map(int, pipe.read().split())
        return numbers
