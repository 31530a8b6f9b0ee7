"""`python -m sif.train`: train a found interaction function on a table of ratings."""

from collections.abc import Sequence
from hashlib import sha256

from nasp.experiment.run_folder import run_command


def main(argv: Sequence[str] | None = None) -> None:
    """Train a genotype alone and report; raises `NaspError` on a user's mistake."""
    # Imported here: an interruption while this takes its time is told in one line.
    from nasp.cli.config import parse
    from sif.config import TrainConfig

    config = parse(
        TrainConfig,
        argv,
        program="python -m sif.train",
        space="sif",
        description="Train a found interaction function on a table of ratings.",
    )
    # Only now: a mistake in the options waits for no import.
    from nasp.core.genotype import Genotype
    from sif.job import run_job
    from sif.pipeline import settle

    genotype = Genotype.load(config.genotype)
    run_job(
        config,
        "train",
        lambda data, run: settle(
            {config.genotype.name: genotype}, data, config, config.epochs, config.seed, run
        ),
        {"genotype_sha256": sha256(genotype.to_json().encode()).hexdigest()},
    )


if __name__ == "__main__":
    run_command(main)
