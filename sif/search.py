"""`python -m sif.search`: find the interaction function of a table of ratings."""

from collections.abc import Sequence

from nasp.experiment.run_folder import run_command


def main(argv: Sequence[str] | None = None) -> None:
    """Search, train what was found alone, and report; raises `NaspError` on a user's mistake."""
    # Imported here: an interruption while this takes its time is told in one line.
    from nasp.cli.config import parse
    from sif.config import SearchConfig

    config = parse(
        SearchConfig,
        argv,
        program="python -m sif.search",
        space="sif",
        description="Find the interaction function that fits a table of ratings.",
    )
    # Only now: a mistake in the options waits for no import.
    from sif.job import run_job
    from sif.pipeline import find

    run_job(config, config.strategy, lambda data, run: find(data, config, config.seed, run))


if __name__ == "__main__":
    run_command(main)
