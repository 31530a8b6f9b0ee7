"""`python -m nasp.cnn_search`: search for CNN cells."""

import time
from collections.abc import Sequence

from nasp.experiment.run_folder import run_command


def main(argv: Sequence[str] | None = None) -> None:
    """Search and report; raises `NaspError` on a user's mistake."""
    # Imported here: an interruption while this takes its time is told in one line.
    from nasp.cli.config import parse
    from nasp.cnn.config import SearchConfig

    began = time.perf_counter()
    config = parse(
        SearchConfig,
        argv,
        program="python -m nasp.cnn_search",
        space="cnn",
        description="Search for the normal and the reduction cell of a CNN.",
    )
    # Only now: a mistake in the options waits for no import.
    from nasp.cnn.commands import search

    search(config, began)


if __name__ == "__main__":
    run_command(main)
