"""Embedding, decoder and loss of language models."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nasp.errors import Diverged
from nasp.rnn.data.text_batches import TextBatch
from nasp.rnn.dropout import Masks

INIT_RANGE = 0.04  # initial weights are uniform between ± this, as in DARTS


def uniform(*shape: int, generator: torch.Generator) -> nn.Parameter:
    """Return initial weights, drawn on the CPU; on the device `meta` nothing is drawn."""
    weights = torch.empty(shape)
    return nn.Parameter(weights.uniform_(-INIT_RANGE, INIT_RANGE, generator=generator))


class TiedWords(nn.Module):
    """Embedding and decoder with one matrix (Press and Wolf, EACL 2017).

    Args:
        words: Size of the vocabulary.
        units: Units of an embedding and of the cell's output.
        generator: Draws the initial weights.
    """

    def __init__(self, words: int, units: int, generator: torch.Generator) -> None:
        super().__init__()
        self.weight = uniform(words, units, generator=generator)
        self.bias = nn.Parameter(torch.zeros(words))

    def embed(self, inputs: Tensor, masks: Masks | None = None) -> Tensor:
        """Return embeddings `(steps, batch, units)` of words `(steps, batch)`."""
        embedded = nn.functional.embedding(inputs, self.weight)
        if masks is None:
            return embedded
        return embedded * masks.words[inputs] * masks.inputs

    def cross_entropy(self, outputs: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
        """Return the cross-entropy in nats of words `(steps, batch)`, given the cell's outputs."""
        logits = nn.functional.linear(outputs.flatten(0, 1), self.weight, self.bias)
        return nn.functional.cross_entropy(logits, targets.flatten(), reduction=reduction)

    def decode(self, outputs: Tensor, masks: Masks | None = None) -> "LanguageModelOutput":
        """Return the predictions for the cell's outputs `(steps, batch, units)`."""
        passed = outputs if masks is None else outputs * masks.outputs
        logits = nn.functional.linear(passed.flatten(0, 1), self.weight, self.bias)
        return LanguageModelOutput(logits, outputs, passed)


class LanguageModelOutput(NamedTuple):
    """The outputs of a language model for a batch.

    Attributes:
        logits: Logits of the next words, `(steps · batch, words)`.
        outputs: Outputs of the cell, `(steps, batch, units)`.
        passed: The same outputs after dropout.
    """

    logits: Tensor
    outputs: Tensor
    passed: Tensor


def language_model_loss(
    decoded: LanguageModelOutput, batch: TextBatch, alpha: float, beta: float
) -> Tensor:
    """Return the mean cross-entropy plus, for regularised batches, the activation regularisers.

    The regularisers are AWD-LSTM's (Merity, McCann, Socher, 2017): `alpha` times the mean square of
    the outputs after dropout, and `beta` times the mean square of the outputs' change between
    steps.

    Args:
        decoded: The language model's outputs for the batch.
        batch: The batch.
        alpha: Weight of the activation regulariser.
        beta: Weight of the temporal activation regulariser.

    Returns:
        A scalar.

    Raises:
        Diverged: The loss is not finite.
    """
    outputs = decoded.outputs
    loss = nn.functional.cross_entropy(decoded.logits, batch.targets.flatten())
    if batch.regularised and alpha:
        loss = loss + alpha * decoded.passed.square().mean()
    if batch.regularised and beta and len(outputs) > 1:
        loss = loss + beta * (outputs[1:] - outputs[:-1]).square().mean()
    # Waiting for the device costs nothing here: launching the many steps takes longer.
    if not torch.isfinite(loss.detach()):
        raise Diverged(f"the loss is {float(loss.detach())}: lower learning_rate")
    return loss
