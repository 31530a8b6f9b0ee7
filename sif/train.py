"""`python -m sif.train`: train a found interaction function on a table of ratings."""

from collections.abc import Sequence

from nasp.core.command import run_command
from nasp.core.config import parse
from nasp.core.genotype import Genotype
from sif.config import TrainConfig
from sif.job import run_job
from sif.pipeline import settle


def main(argv: Sequence[str] | None = None) -> None:
    """Train a genotype alone and report; raises `NaspError` on a user's mistake."""
    config = parse(
        TrainConfig,
        argv,
        program="python -m sif.train",
        space="sif",
        description="Train a found interaction function on a table of ratings.",
    )
    genotype = Genotype.load(config.genotype)
    run_job(
        config,
        "train",
        lambda data, run: settle(
            {config.genotype.name: genotype}, data, config, config.epochs, config.seed, run
        ),
    )


if __name__ == "__main__":
    run_command(main)
