"""What a language model has around its cell: words in, and the loss of words out."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nasp.errors import Diverged
from nasp.rnn.data.text_batches import TextBatch
from nasp.rnn.dropout import Masks

INIT_RANGE = 0.04  # weights start uniform in ± this, as DARTS's do


def uniform(*shape: int, generator: torch.Generator) -> nn.Parameter:
    """Start weights, drawn on the CPU, or nothing where `meta` is the device."""
    weights = torch.empty(shape)
    return nn.Parameter(weights.uniform_(-INIT_RANGE, INIT_RANGE, generator=generator))


class TiedWords(nn.Module):
    """Embedding and decoder with one matrix (Press and Wolf, EACL 2017).

    Args:
        words: Size of the vocabulary.
        units: Of an embedding, and of the state that is decoded.
        generator: Source of the start weights.
    """

    def __init__(self, words: int, units: int, generator: torch.Generator) -> None:
        super().__init__()
        self.weight = uniform(words, units, generator=generator)
        self.bias = nn.Parameter(torch.zeros(words))

    def embed(self, inputs: Tensor, masks: Masks | None = None) -> Tensor:
        """`(steps, batch, units)` of words `(steps, batch)`."""
        embedded = nn.functional.embedding(inputs, self.weight)
        if masks is None:
            return embedded
        return embedded * masks.words[inputs] * masks.inputs

    def cross_entropy(self, outputs: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
        """Of the words `(steps, batch)`, in nats, given outputs `(steps, batch, units)`."""
        logits = nn.functional.linear(outputs.flatten(0, 1), self.weight, self.bias)
        return nn.functional.cross_entropy(logits, targets.flatten(), reduction=reduction)

    def decode(self, outputs: Tensor, masks: Masks | None = None) -> "LanguageModelOutput":
        """What is predicted after each word, given outputs of the cell `(steps, batch, units)`."""
        passed = outputs if masks is None else outputs * masks.outputs
        logits = nn.functional.linear(passed.flatten(0, 1), self.weight, self.bias)
        return LanguageModelOutput(logits, outputs, passed)


class LanguageModelOutput(NamedTuple):
    """What a language model returns for a batch.

    Attributes:
        logits: Of the next word, `(steps · batch, words)`.
        outputs: Of the cell, `(steps, batch, units)`.
        passed: What dropout let pass of them.
    """

    logits: Tensor
    outputs: Tensor
    passed: Tensor


def language_model_loss(
    decoded: LanguageModelOutput, batch: TextBatch, alpha: float, beta: float
) -> Tensor:
    """The mean cross-entropy, and the regularisers of the activations where they belong to it.

    These are AWD-LSTM's (Merity, McCann, Socher, 2017): `alpha` times the mean square of what
    dropout let pass of the outputs, and `beta` times that of their change from step to step.

    Args:
        decoded: What the language model returned for the batch.
        batch: The words.
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
    # A recurrent network waits for this no longer than for the launches of its many steps.
    if not torch.isfinite(loss.detach()):
        raise Diverged(f"the loss is {float(loss.detach())}: lower learning_rate")
    return loss
