"""`python -m sif.export`: export the embeddings of a trained model."""

from collections.abc import Sequence

from nasp.cli.main import COMMANDS
from nasp.experiment.run_folder import run_command


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; raises `NaspError` on a user's mistake."""
    COMMANDS["export sif"].run(argv)


if __name__ == "__main__":
    run_command(main)
