"""`python -m sif.evaluate`: evaluate a trained model on a table of ratings."""

from collections.abc import Sequence

from nasp.cli.main import COMMANDS
from nasp.experiment.run_folder import run_command


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; raises `NaspError` on a user's mistake."""
    COMMANDS["evaluate sif"].run(argv)


if __name__ == "__main__":
    run_command(main)
