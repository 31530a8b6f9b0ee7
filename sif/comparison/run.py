"""The command `compare`, given its options."""

from nasp.experiment.comparison import run_comparison
from sif.comparison.click_comparison import ClickComparison
from sif.comparison.config import CompareConfig
from sif.comparison.ranking_comparison import RankingComparison
from sif.comparison.rating_comparison import RatingComparison
from sif.comparison.task_comparison import TaskComparison
from sif.data import TaskName
from sif.data.card import find_rating_card

COMPARISONS: dict[TaskName, type[RatingComparison | TaskComparison]] = {
    "rating": RatingComparison,
    "ranking": RankingComparison,
    "click": ClickComparison,
}


def compare(config: CompareConfig) -> None:
    """Compare methods of the task that the options name, or else that of the first data set.

    Raises:
        NaspError: A mistake in the options or the data.
    """
    first = config.data[0]
    card = find_rating_card(first, config.data_dir)
    task = config.task or (card.task if card is not None else None)
    run_comparison(COMPARISONS[task or config.load(first, config.seed).task](config))
