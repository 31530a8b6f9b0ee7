"""`python -m nasp.cnn_eval`: judge a trained network on test images."""

from collections.abc import Sequence

from nasp.experiment.run_folder import run_command


def main(argv: Sequence[str] | None = None) -> None:
    """Judge and print; raises `NaspError` on a user's mistake."""
    # Imported here: an interruption while this takes its time is told in one line.
    from nasp.cli.config import parse
    from nasp.cnn.config import EvalConfig

    config = parse(
        EvalConfig,
        argv,
        program="python -m nasp.cnn_eval",
        space="cnn",
        description="Judge a trained network on test images.",
    )
    # Only now: a mistake in the options waits for no import.
    from nasp.cnn.commands import evaluate

    metrics = evaluate(config)
    print("  ".join(f"{name} {value:.4f}" for name, value in metrics.items()))


if __name__ == "__main__":
    run_command(main)
