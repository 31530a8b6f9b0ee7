"""`python -m nasp.rnn_train`: train the language model of a recurrent cell."""

import time
from collections.abc import Sequence

from nasp.experiment.run_folder import run_command


def main(argv: Sequence[str] | None = None) -> None:
    """Train, judge on the test text and report; raises `NaspError` on a user's mistake."""
    # Imported here: an interruption while this takes its time is told in one line.
    from nasp.cli.config import parse
    from nasp.rnn.config import TrainConfig

    began = time.perf_counter()
    config = parse(
        TrainConfig,
        argv,
        program="python -m nasp.rnn_train",
        space="rnn",
        description="Train the language model of a recurrent cell.",
    )
    # Only now: a mistake in the options waits for no import.
    from nasp.rnn.commands import train

    train(config, began)


if __name__ == "__main__":
    run_command(main)
