"""`python -m nasp.rnn_eval`: the exact test perplexity of a trained language model."""

from collections.abc import Sequence

from rich.console import Console

from nasp.core.command import run_command
from nasp.core.config import parse
from nasp.core.environment import resolve_device
from nasp.core.metrics import Metrics
from nasp.rnn.config import EvalConfig
from nasp.rnn.data import encode, find_text, read_words
from nasp.rnn.model_file import load_model
from nasp.rnn.pipeline import exactly


def main(argv: Sequence[str] | None = None) -> None:
    """Judge and print; raises `NaspError` on a user's mistake."""
    config = parse(
        EvalConfig,
        argv,
        program="python -m nasp.rnn_eval",
        space="rnn",
        description="The exact test perplexity of a trained language model.",
    )
    metrics = evaluate(config)
    Console().print("  ".join(f"{name} {value:.4f}" for name, value in metrics.items()))


def evaluate(config: EvalConfig) -> Metrics:
    """Loss and perplexity on the test text, one column, and the model's size in millions.

    Raises:
        NaspError: The model is no such file, or the data are missing, damaged or of other words.
    """
    device = resolve_device(config.device)
    path = config.model / "model.pt" if config.model.is_dir() else config.model
    network, vocabulary = load_model(path, device)
    place, lines = read_words(find_text(config.data, config.data_dir), "test")
    text = encode(lines, vocabulary, place).to(device)
    return {
        **exactly(network, text, "test"),
        "model/parameters_m": sum(p.numel() for p in network.parameters()) / 1e6,
    }


if __name__ == "__main__":
    run_command(main)
