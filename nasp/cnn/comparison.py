"""The comparison of strategies that search for CNN cells."""

from nasp.cnn.config import CompareConfig
from nasp.cnn.evaluation import ACCURACY
from nasp.cnn.genotype import text_of
from nasp.cnn.options import SearchOptions
from nasp.cnn.report import TrainReport
from nasp.cnn.tasks import ImageTask, open_search
from nasp.cnn.zoo import find_genotype
from nasp.experiment.comparison import run_comparison
from nasp.experiment.strategy_comparison import StrategyComparison
from nasp.metric import Metrics
from nasp.search import SearchResult
from nasp.training.device import resolve_device


class CellComparison(StrategyComparison[ImageTask]):
    """Compares strategies, random cells and published cells."""

    title, space, metric = "image classification", "cnn", ACCURACY
    known, text = staticmethod(find_genotype), staticmethod(text_of)

    def open(self, data: str, options: SearchOptions, seed: int) -> tuple[ImageTask, str]:
        device = resolve_device(self.config.device)
        task = open_search(data, self.config.data_dir, options, seed, device)
        return task, task.images.sha256

    def evaluate(self, task: ImageTask, trained: SearchResult, name: str) -> Metrics:
        return TrainReport(task, trained, name).metrics


def compare(config: CompareConfig) -> None:
    """Compare strategies that search for CNN cells, and report.

    Raises:
        NaspError: A mistake in the options or the data.
    """
    run_comparison(CellComparison(config))
