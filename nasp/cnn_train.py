"""`python -m nasp.cnn_train`: train the network of a cell on CIFAR-10 or ImageNet."""

import time
from collections.abc import Sequence

from nasp.cnn.config import TrainConfig
from nasp.core.command import run_command
from nasp.core.config import parse


def main(argv: Sequence[str] | None = None) -> None:
    """Train, judge on test images and report; raises `NaspError` on a user's mistake."""
    began = time.perf_counter()
    config = parse(
        TrainConfig,
        argv,
        program="python -m nasp.cnn_train",
        space="cnn",
        description="Train the network of a cell on CIFAR-10 or ImageNet.",
    )
    from nasp.cnn.commands import (
        train,  # here, so that a mistake in the options waits for no import
    )

    train(config, began)


if __name__ == "__main__":
    run_command(main)
