"""`python -m sif.compare`: methods side by side on tables of ratings."""

from collections.abc import Sequence

from nasp.experiment.run_folder import run_command


def main(argv: Sequence[str] | None = None) -> None:
    """Measure all cells and report; raises `NaspError` on a user's mistake."""
    # Imported here: an interruption while this takes its time is told in one line.
    from nasp.cli.config import parse
    from sif.comparison.config import CompareConfig

    config = parse(
        CompareConfig,
        argv,
        program="python -m sif.compare",
        space="sif",
        description="Compare searched interaction functions with fixed models and other searches.",
    )
    # Only now: a mistake in the options waits for no import.
    from sif.comparison.run import compare

    compare(config)


if __name__ == "__main__":
    run_command(main)
