"""Batches of consecutive words, each of which continues the batch before.

A text is cut into columns, which are read in parallel. The hidden state at the end of a batch is
the initial state of the next one: a batch holds its initial state, and the network gives its final
state to the reader that the batches of a pass share. So a batch can be run several times with the
same result, as second-order DARTS does. Every pass begins at the zero state, so a checkpoint
between two epochs needs no state.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from nasp.errors import NaspError
from nasp.rnn.dropout import Masks

SHORTEST = 5  # smallest length of a varied sequence, in words, as in AWD-LSTM
SPREAD = 5.0  # standard deviation of the length
LONGEST = 20  # largest difference of the length and bptt


@dataclass
class Reader:
    """The state of a pass through a text.

    Attributes:
        state: The hidden state after the last batch, `(batch, units)`.
    """

    state: Tensor


@dataclass(frozen=True)
class TextBatch:
    """A sequence of each column.

    Attributes:
        inputs: Words, `(steps, batch)`.
        targets: The next word after each input, `(steps, batch)`.
        state: The hidden state before the first word, `(batch, units)`.
        reader: Gets the hidden state after the last word.
        masks: Dropout masks; None drops nothing.
        regularised: Whether the loss includes the regularisers of the activations.
    """

    inputs: Tensor
    targets: Tensor
    state: Tensor
    reader: Reader
    masks: Masks | None = None
    regularised: bool = False

    def end_at(self, state: Tensor) -> None:
        """Give the hidden state after the last word to the reader."""
        self.reader.state = state.detach()


def columns(tokens: Tensor, batch: int, name: str = "the text") -> Tensor:
    """Cut a text into equal columns, `(tokens // batch, batch)`; the remainder is left out.

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
    """Yield the batches of one pass through a text, from a zero state.

    Args:
        text: The text's `columns`.
        units: Units of the hidden state.
        lengths: Returns the number of steps of the next batch.
        draw: Returns the dropout masks of the next batch, given its number of columns.
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
    """Return a function that draws lengths of sequences, so that their ends vary.

    Lengths are normal with mean `bptt`, or, one time in twenty, half of it (Merity, Keskar, Socher:
    Regularizing and Optimizing LSTM Language Models, ICLR 2018, section 5).
    """

    def length() -> int:
        mean = bptt if float(torch.rand((), generator=generator)) < 0.95 else bptt / 2
        drawn = int(mean + SPREAD * float(torch.randn((), generator=generator)))
        return min(max(SHORTEST, drawn), bptt + LONGEST)

    return length
