"""`python -m nasp.bench`: judge samplers by look-up in a table of architectures."""

from collections.abc import Sequence

from nasp.cli.main import COMMANDS
from nasp.experiment.run_folder import run_command


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; raises `NaspError` on a user's mistake."""
    COMMANDS["bench samplers"].run(argv)


if __name__ == "__main__":
    run_command(main)
