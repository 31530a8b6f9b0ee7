"""The command `compare`, given its options."""

from nasp.errors import NaspError
from nasp.experiment.comparison import run_comparison
from sif.comparison.config import CompareConfig
from sif.comparison.ranking_comparison import RankingComparison
from sif.comparison.rating_comparison import RatingComparison
from sif.data.card import find_rating_card

COMPARISONS = {"rating": RatingComparison, "ranking": RankingComparison}


def compare(config: CompareConfig) -> None:
    """Compare methods of the task that the options name, or else that of the first data set.

    Raises:
        NaspError: A mistake in the options or the data.
    """
    first = config.data[0]
    card = find_rating_card(first, config.data_dir)
    task = config.task or (card.task if card is not None else None)
    task = task or config.load(first, config.seed).task
    if task not in COMPARISONS:
        raise NaspError(f"there is no comparison for the task {task}: give rating or ranking")
    run_comparison(COMPARISONS[task](config))
