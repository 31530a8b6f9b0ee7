"""`python -m nasp.cnn_train`: train the network of a cell on CIFAR-10 or ImageNet."""

from collections.abc import Sequence

from nasp.cli.main import COMMANDS
from nasp.experiment.run_folder import run_command


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; raises `NaspError` on a user's mistake."""
    COMMANDS["train cnn"].run(argv)


if __name__ == "__main__":
    run_command(main)
