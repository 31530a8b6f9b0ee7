"""`python -m nasp.rnn_search`: search for a recurrent cell."""

import time
from collections.abc import Sequence

from nasp.experiment.run_folder import run_command


def main(argv: Sequence[str] | None = None) -> None:
    """Search and report; raises `NaspError` on a user's mistake."""
    # Imported here: an interruption while this takes its time is told in one line.
    from nasp.cli.config import parse
    from nasp.rnn.config import SearchConfig

    began = time.perf_counter()
    config = parse(
        SearchConfig,
        argv,
        program="python -m nasp.rnn_search",
        space="rnn",
        description="Search for the recurrent cell of a language model.",
    )
    # Only now: a mistake in the options waits for no import.
    from nasp.rnn.commands import search

    search(config, began)


if __name__ == "__main__":
    run_command(main)
