"""Training of a stand-alone language model."""

import torch
from torch import Tensor

from nasp.metric import Metrics
from nasp.rnn.averaging import Averaging
from nasp.rnn.data.text_batches import batches, varied_lengths
from nasp.rnn.dropout import Masks, draw_masks
from nasp.rnn.evaluation import PERPLEXITY, evaluate
from nasp.rnn.network import LanguageModel
from nasp.rnn.options import TrainOptions
from nasp.rnn.words import language_model_loss as loss_of
from nasp.runs.context import RunContext
from nasp.training.loop import PhaseResult, run_epochs
from nasp.training.optimization import Losses, descend


def fit(
    name: str,
    network: LanguageModel,
    train: Tensor,
    valid: Tensor,
    options: TrainOptions,
    *,
    generator: torch.Generator,
    run: RunContext,
) -> PhaseResult:
    """Train a language model, and give it the weights of its best epoch by validation.

    Args:
        name: The phase's name in the checkpoint.
        network: The model, on the texts' device.
        train: Columns of the training text, `(steps, batch)`.
        valid: Columns of the validation text.
        options: The options.
        generator: Draws dropout masks and lengths of sequences.
        run: Checkpoint, progress and log.

    Raises:
        Diverged: A loss is not finite.
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
            # The gradient of a short sequence is noisier, so its step is smaller.
            rate = options.learning_rate * len(batch.inputs) / options.bptt
            optimizer.param_groups[0]["lr"] = rate
            loss = loss_of(network(batch), batch, options.alpha, options.beta)
            descend(loss, weights, optimizer, options.gradient_clip)
            averaging.update()
            losses.append(loss, batch.targets.numel())
        with averaging.applied():
            metrics = evaluate(network.outputs, network.words, valid, "valid")
        averaging.observe(metrics["valid/loss"])
        return {"train/loss": losses.mean(), **metrics}

    def snapshot() -> dict[str, Tensor]:
        with averaging.applied():
            return {key: value.clone() for key, value in network.state_dict().items()}

    outcome = run_epochs(
        name,
        epoch,
        epochs=options.epochs,
        # SGD without momentum has no state, and its learning rate is set at each step.
        state={"network": network, "averaging": averaging, "generator": generator},
        monitor=PERPLEXITY.on("valid"),
        snapshot=snapshot,
        run=run,
        patience=options.patience,
        max_seconds=options.max_seconds,
    )
    network.load_state_dict(outcome.best)
    return outcome
