"""What `sif.search` and `sif.train` do once their options are read."""

from hashlib import sha256

from nasp.core.genotype import Genotype
from sif.config import SearchConfig, TrainConfig
from sif.job import run_job
from sif.pipeline import find, settle


def search(config: SearchConfig, began: float) -> None:
    """Search, train what was found alone, and report.

    Args:
        config: All options.
        began: Moment of `time.perf_counter` at which the command began.

    Raises:
        NaspError: A mistake in the options or the data.
    """
    run_job(config, config.strategy, lambda data, run: find(data, config, config.seed, run))


def train(config: TrainConfig, began: float) -> None:
    """Train a genotype alone and report; see `search`."""
    genotype = Genotype.load(config.genotype)
    run_job(
        config,
        "train",
        lambda data, run: settle(
            {config.genotype.name: genotype}, data, config, config.epochs, config.seed, run
        ),
        {"genotype_sha256": sha256(genotype.to_json().encode()).hexdigest()},
    )
