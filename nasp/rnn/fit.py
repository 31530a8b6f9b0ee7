"""Training of a stand-alone language model."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from nasp.core.errors import NaspError
from nasp.core.loop import Outcome, Run, run_epochs
from nasp.core.losses import Losses
from nasp.core.metrics import Metrics
from nasp.core.step import descend
from nasp.rnn.averaging import Averaging
from nasp.rnn.data.streams import batches, varied_lengths
from nasp.rnn.dropout import Masks, draw_masks
from nasp.rnn.judge import judge
from nasp.rnn.network import LanguageModel
from nasp.rnn.options import TrainOptions


def fit(
    name: str,
    network: LanguageModel,
    train: Tensor,
    valid: Tensor,
    options: TrainOptions,
    *,
    generator: torch.Generator,
    run: Run,
) -> Outcome:
    """Train a language model; it ends with the weights of its best epoch by validation.

    Args:
        name: The phase's name in the checkpoint.
        network: On the texts' device.
        train: Columns of the training text, `(steps, batch)`.
        valid: Columns of the validation text.
        options: How to train.
        generator: Draws dropout and the lengths of the sequences.
        run: Checkpoint, progress and log.

    Raises:
        NaspError: A loss is not finite. The checkpoint's file holds the last good epoch.
    """
    if options.compile:
        network.cell.compile_step()
    weights = list(network.parameters())
    optimizer = options.sgd(weights)
    averaging = Averaging(weights, options.nonmono)
    rates, words = options.rates(), len(network.words.bias)

    def draw(batch: int) -> Masks:
        return draw_masks(rates, words, network.units, batch, generator, train.device)

    def epoch(position: int) -> Metrics:
        lengths = varied_lengths(options.bptt, generator)
        losses = Losses()
        for batch in batches(train, network.units, lengths, draw, regularised=True):
            # A short sequence has the noisier gradient: its step is shorter, too.
            rate = options.learning_rate * len(batch.inputs) / options.bptt
            optimizer.param_groups[0]["lr"] = rate
            loss = network(batch)
            descend(loss, weights, optimizer, options.gradient_clip)
            averaging.update()
            losses.append(loss)
        with averaging.in_place():
            metrics = judge(network.outputs, network.words, valid, "valid")
        averaging.observe(metrics["valid/loss"])
        return {"train/loss": losses.mean(), **metrics}

    def snapshot() -> dict[str, Tensor]:
        with averaging.in_place():
            return {key: value.clone() for key, value in network.state_dict().items()}

    with last_good(name, run):
        outcome = run_epochs(
            name,
            epoch,
            epochs=options.epochs,
            # SGD without momentum has no state, and its rate is set at each step.
            state={"network": network, "averaging": averaging, "generator": generator},
            monitor="valid/perplexity",
            snapshot=snapshot,
            run=run,
            patience=options.patience,
            max_seconds=options.max_seconds,
        )
    network.load_state_dict(outcome.best)
    return outcome


@contextmanager
def last_good(name: str, run: Run) -> Iterator[None]:
    """Where a phase stops with an error, see that its last good epoch is in the file, and say so.

    Args:
        name: The phase's in the checkpoint.
        run: Whose checkpoint it is.
    """
    try:
        yield
    except NaspError as error:
        saved = run.checkpoint.get(name)
        if saved is None:
            raise NaspError(
                f"{name} stopped in epoch 1: {error}; there is no checkpoint"
            ) from error
        run.checkpoint.put(name, saved, now=True)
        done = len(saved["history"])
        raise NaspError(
            f"{name} stopped in epoch {done + 1}: {error}; the checkpoint holds epoch {done}"
        ) from error
