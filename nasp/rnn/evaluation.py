"""Metrics of language models."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from nasp.errors import Diverged
from nasp.metric import LOSS, Metric, Metrics
from nasp.rnn.data.text_batches import batches, columns
from nasp.rnn.network import LanguageModel
from nasp.rnn.words import TiedWords

PERPLEXITY = Metric("perplexity")
METRICS = (PERPLEXITY, LOSS)
ROWS = 1024  # words that are decoded at once
LARGEST = 700.0  # loss whose perplexity is still a number


@torch.no_grad()
def evaluate(
    outputs: Callable[[Tensor, Tensor], Tensor], words: TiedWords, text: Tensor, split: str
) -> Metrics:
    """Return mean cross-entropy in nats and perplexity of all words but the first of each column.

    The state is carried through each column, so for a text in one column the metrics are exact.

    Args:
        outputs: Returns the cell's outputs, `(steps, batch, units)`, from words `(steps, batch)`
            and the state before them.
        words: The decoder.
        text: Columns of the text, `(steps, batch)`.
        split: Prefix of the metrics, for example `valid`.

    Raises:
        Diverged: The loss is NaN, or its perplexity is not finite.
    """
    total, count = 0.0, 0
    steps = max(1, ROWS // text.shape[1])
    for batch in batches(text, words.weight.shape[1], lambda: steps):
        found = outputs(batch.inputs, batch.state)
        batch.end_at(found[-1])
        total += float(words.cross_entropy(found, batch.targets, "sum"))
        count += batch.targets.numel()
    loss = total / count
    if not loss < LARGEST:  # NaN, too
        raise Diverged(f"{split}/loss is {loss}: lower learning_rate")
    return {LOSS.on(split).name: loss, PERPLEXITY.on(split).name: math.exp(loss)}


def evaluate_exactly(network: LanguageModel, text: Tensor, split: str) -> Metrics:
    """Return loss and perplexity of a text `(tokens,)` in one column."""
    return evaluate(network.outputs, network.words, columns(text, 1), split)
