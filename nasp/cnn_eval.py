"""`python -m nasp.cnn_eval`: judge a trained network on test images."""

from collections.abc import Sequence

from rich.console import Console

from nasp.cnn.config import EvalConfig
from nasp.cnn.fit import logits_of
from nasp.cnn.judge import judge
from nasp.cnn.model_file import load_network
from nasp.cnn.options import TrainOptions
from nasp.cnn.size import mult_adds, parameters
from nasp.cnn.task import open_task
from nasp.core.command import run_command
from nasp.core.config import parse
from nasp.core.environment import resolve_device
from nasp.core.errors import NaspError
from nasp.core.metrics import Metrics


def main(argv: Sequence[str] | None = None) -> None:
    """Judge and print; raises `NaspError` on a user's mistake."""
    config = parse(
        EvalConfig,
        argv,
        program="python -m nasp.cnn_eval",
        space="cnn",
        description="Judge a trained network on test images.",
    )
    metrics = evaluate(config)
    Console().print("  ".join(f"{name} {value:.4f}" for name, value in metrics.items()))


def evaluate(config: EvalConfig) -> Metrics:
    """Loss and accuracies on test images, and the network's size in millions.

    Raises:
        NaspError: The model is no such file, or the data are missing, damaged, or of another form
            or other classes than those that it was trained on.
    """
    device = resolve_device(config.device)
    path = config.model / "model.pt" if config.model.is_dir() else config.model
    trained = load_network(path, device)
    options = TrainOptions(
        precision=config.precision, size=trained.size, workers=config.workers, batch_size=1
    )
    network = trained.network
    task, _ = open_task(
        config.data,
        config.data_dir,
        options,
        0,
        device,
        len(trained.class_names),
        trained.normalise,
    )
    if task.kind != network.kind:
        raise NaspError(
            f"{config.data} is of the form of {task.kind}, but {path} was trained on images of the "
            f"form of {network.kind}: give such --data"
        )
    options.numbers(device).prepare(network)
    shape = (3, trained.size, trained.size)
    return {
        **judge(logits_of(network, options.numbers(device)), task.test(), "test"),
        "model/parameters_m": parameters(network) / 1e6,
        "model/mult_adds_m": mult_adds(network, shape) / 1e6,
    }


if __name__ == "__main__":
    run_command(main)
