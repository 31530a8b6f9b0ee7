"""`python -m nasp.rnn_eval`: the exact test perplexity of a trained language model."""

from collections.abc import Sequence

from nasp.experiment.run_folder import run_command


def main(argv: Sequence[str] | None = None) -> None:
    """Judge and print; raises `NaspError` on a user's mistake."""
    # Imported here: an interruption while this takes its time is told in one line.
    from nasp.cli.config import parse
    from nasp.rnn.config import EvalConfig

    config = parse(
        EvalConfig,
        argv,
        program="python -m nasp.rnn_eval",
        space="rnn",
        description="The exact test perplexity of a trained language model.",
    )
    # Only now: a mistake in the options waits for no import.
    from nasp.rnn.commands import evaluate

    metrics = evaluate(config)
    print("  ".join(f"{name} {value:.4f}" for name, value in metrics.items()))


if __name__ == "__main__":
    run_command(main)
