"""`python -m nasp.cnn_train`: train the network of a cell on CIFAR-10 or ImageNet."""

import time
from collections.abc import Sequence

from nasp.experiment.run_folder import run_command


def main(argv: Sequence[str] | None = None) -> None:
    """Train, judge on test images and report; raises `NaspError` on a user's mistake."""
    # Imported here: an interruption while this takes its time is told in one line.
    from nasp.cli.config import parse
    from nasp.cnn.config import TrainConfig

    began = time.perf_counter()
    config = parse(
        TrainConfig,
        argv,
        program="python -m nasp.cnn_train",
        space="cnn",
        description="Train the network of a cell on CIFAR-10 or ImageNet.",
    )
    # Only now: a mistake in the options waits for no import.
    from nasp.cnn.commands import train

    train(config, began)


if __name__ == "__main__":
    run_command(main)
