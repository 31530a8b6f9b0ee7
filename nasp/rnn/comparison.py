"""The comparison of strategies that search for recurrent cells."""

from nasp.experiment.comparison import run_comparison
from nasp.experiment.strategy_comparison import StrategyComparison
from nasp.metric import Metrics
from nasp.rnn.config import CompareConfig
from nasp.rnn.data import columns, find_text, load_corpus
from nasp.rnn.evaluation import PERPLEXITY, evaluate
from nasp.rnn.genotype import darts_text
from nasp.rnn.options import SearchOptions
from nasp.rnn.tasks import VALIDATION_COLUMNS, TextTask
from nasp.rnn.zoo import find_genotype
from nasp.search import SearchResult
from nasp.training.device import resolve_device


class CellComparison(StrategyComparison[TextTask]):
    """Compares strategies, random cells and published cells."""

    config: CompareConfig
    title, space, metric = "language modelling", "rnn", PERPLEXITY
    note = (
        f"The test text is read in {VALIDATION_COLUMNS} columns, as the validation text is: its "
        "perplexity is slightly above the exact one, of one column, which nasp.rnn_eval computes."
    )
    known, text = staticmethod(find_genotype), staticmethod(darts_text)

    def open(self, data: str, options: SearchOptions, seed: int) -> tuple[TextTask, str]:
        corpus = load_corpus(find_text(data, self.config.data_dir), self.config.map_unknown)
        task = TextTask(corpus, options, resolve_device(self.config.device))
        return task, corpus.sha256

    def evaluate(self, task: TextTask, trained: SearchResult, name: str) -> Metrics:
        assert trained.trained is not None
        network = task.trained_network(trained.trained)
        text = columns(task.corpus.test.to(task.device), VALIDATION_COLUMNS, "the test text")
        return {
            **{k: v for k, v in trained.metrics.items() if k.startswith("valid/")},
            **evaluate(network.outputs, network.words, text, "test"),
            "model/parameters": sum(p.numel() for p in network.parameters()),
        }


def compare(config: CompareConfig) -> None:
    """Compare strategies that search for recurrent cells, and report.

    Raises:
        NaspError: A mistake in the options or the data.
    """
    run_comparison(CellComparison(config))
