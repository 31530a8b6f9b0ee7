"""Batches of consecutive words: each goes on where the one before ended.

A text is cut into as many columns as a batch has rows, all read side by side. The hidden state at
the end of a batch is where the next begins: a batch carries its start state, and the network hands
its end state to the reader that the batches of one pass share. So a batch may be run any number of
times (DARTS's second order does) with the same result, and every pass begins at zero: between two
epochs there is no state, and none to checkpoint.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from nasp.errors import NaspError
from nasp.rnn.dropout import Masks

SHORTEST = 5  # words of a varied sequence, as in AWD-LSTM
SPREAD = 5.0  # standard deviation of its length
LONGEST = 20  # words that it may have above bptt


@dataclass
class Reader:
    """Where the network is in a text.

    Attributes:
        state: The hidden state after the last batch, `(batch, units)`.
    """

    state: Tensor


@dataclass(frozen=True)
class TextBatch:
    """A piece of each column.

    Attributes:
        inputs: Words, `(steps, batch)`.
        targets: The word that follows each, `(steps, batch)`.
        state: The hidden state before the first, `(batch, units)`.
        reader: Takes the state after the last.
        masks: What dropout lets pass; None drops nothing.
        regularised: Whether the activations' regularisers belong to the loss.
    """

    inputs: Tensor
    targets: Tensor
    state: Tensor
    reader: Reader
    masks: Masks | None = None
    regularised: bool = False

    def end_at(self, state: Tensor) -> None:
        """Hand on the hidden state after the last word."""
        self.reader.state = state.detach()


def columns(tokens: Tensor, batch: int, name: str = "the text") -> Tensor:
    """Cut a text into equal columns, `(tokens // batch, batch)`; the rest at its end is left out.

    Raises:
        NaspError: The columns have fewer than two words.
    """
    length = len(tokens) // batch
    if length < 2:
        raise NaspError(
            f"{name} has {len(tokens)} words, too few for a batch of {batch}: lower batch_size"
        )
    return tokens[: length * batch].view(batch, length).T.contiguous()


def batches(
    text: Tensor,
    units: int,
    lengths: Callable[[], int],
    draw: Callable[[int], Masks | None] = lambda batch: None,
    regularised: bool = False,
) -> Iterator[TextBatch]:
    """Read a text once, from a zero state.

    Args:
        text: `columns` of it.
        units: Of the hidden state.
        lengths: Returns the number of steps of the next batch.
        draw: Returns dropout's masks for the next batch, given its number of columns.
        regularised: See `TextBatch`.
    """
    width = text.shape[1]
    reader = Reader(torch.zeros(width, units, device=text.device))
    start, last = 0, len(text) - 1
    while start < last:
        stop = min(start + lengths(), last)
        yield TextBatch(
            text[start:stop],
            text[start + 1 : stop + 1],
            reader.state,
            reader,
            draw(width),
            regularised,
        )
        start = stop


def varied_lengths(bptt: int, generator: torch.Generator) -> Callable[[], int]:
    """Draws lengths of sequences, so that the same words do not always stand at the ends.

    They are normal around `bptt`, one in twenty around half of it (Merity, Keskar, Socher:
    Regularizing and Optimizing LSTM Language Models, ICLR 2018, section 5).
    """

    def length() -> int:
        mean = bptt if float(torch.rand((), generator=generator)) < 0.95 else bptt / 2
        drawn = int(mean + SPREAD * float(torch.randn((), generator=generator)))
        return min(max(SHORTEST, drawn), bptt + LONGEST)

    return length
