"""`python -m nasp.rnn_train`: train the language model of a recurrent cell."""

import time
from collections.abc import Sequence

from nasp.core.command import run_command
from nasp.core.config import parse
from nasp.rnn.config import TrainConfig


def main(argv: Sequence[str] | None = None) -> None:
    """Train, judge on the test text and report; raises `NaspError` on a user's mistake."""
    began = time.perf_counter()
    config = parse(
        TrainConfig,
        argv,
        program="python -m nasp.rnn_train",
        space="rnn",
        description="Train the language model of a recurrent cell.",
    )
    from nasp.rnn.commands import (
        train,  # here, so that a mistake in the options waits for no import
    )

    train(config, began)


if __name__ == "__main__":
    run_command(main)
