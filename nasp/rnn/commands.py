"""The commands for recurrent cells, given their options."""

from pathlib import Path

from nasp.core.lookup import name_of
from nasp.experiment.experiment import Experiment
from nasp.metric import Metrics
from nasp.rnn.config import EvalConfig, SearchConfig, TrainConfig
from nasp.rnn.data import encode, find_text, load_corpus, read_words
from nasp.rnn.evaluation import evaluate_exactly
from nasp.rnn.model_file import load_model
from nasp.rnn.report import SearchReport, TrainReport
from nasp.rnn.tasks import TextTask
from nasp.rnn.zoo import find_genotype
from nasp.runs.tracking import DataSet
from nasp.training.device import resolve_device


def search(config: SearchConfig, began: float) -> None:
    """Search and report; `began` is the value of `time.perf_counter` when the command began.

    Raises:
        NaspError: A mistake in the options or the data.
    """
    _experiment(config, began).search(SearchReport)


def train(config: TrainConfig, began: float) -> None:
    """Train, evaluate on the test text and report; see `search`.

    Raises:
        NaspError: A mistake in the options or the data.
    """
    genotype, name = find_genotype(config.genotype), name_of(config.genotype)
    _experiment(config, began).train(
        name, "train", genotype, lambda task, found: TrainReport(task, found, name)
    )


def _experiment(config: SearchConfig | TrainConfig, began: float) -> Experiment[TextTask]:
    device = resolve_device(config.device)
    corpus = load_corpus(find_text(config.data, config.data_dir), config.map_unknown)
    data = DataSet(Path(config.data).stem, corpus.sha256, len(corpus.train))
    task = TextTask(corpus, config, device)
    return Experiment(task, "language modelling", "nasp/rnn", config, data, began)


def evaluate(config: EvalConfig) -> Metrics:
    """Return loss and perplexity on the test text in one column, and the model's size in millions.

    Raises:
        NaspError: The model is not such a file, or the data are missing, damaged or have other
            words.
    """
    device = resolve_device(config.device)
    path = config.model_file
    network, vocabulary = load_model(path, device)
    place, lines = read_words(find_text(config.data, config.data_dir), "test")
    text = encode(lines, vocabulary, place, config.map_unknown).to(device)
    return {
        **evaluate_exactly(network, text, "test"),
        "model/parameters_m": sum(p.numel() for p in network.parameters()) / 1e6,
    }
