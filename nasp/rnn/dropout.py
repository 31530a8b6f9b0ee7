"""Variational dropout: one mask for all time steps of a sequence (Gal and Ghahramani, 2016).

Masks are drawn outside of the network and passed to it. So a batch that is run several times has
the same masks, and the network compiles to a graph without random numbers.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rates:
    """Dropout probabilities, with the names of AWD-LSTM and DARTS.

    Attributes:
        dropout: For a unit of the output.
        dropouth: For a unit of a state, before its product.
        dropoutx: For a unit of the cell's input.
        dropouti: For a unit of an embedded word.
        dropoute: For a word's whole embedding.
    """

    dropout: float
    dropouth: float
    dropoutx: float
    dropouti: float
    dropoute: float


@dataclass(frozen=True)
class Masks:
    """Dropout masks: factors of 0 or 1/(1 − probability).

    Attributes:
        words: For the embeddings, `(words, 1)`.
        inputs: For the embedded words, `(batch, inputs)`: the masks of dropouti times dropoutx.
        states: For the states before their products, `(batch, units)`.
        outputs: For the cell's outputs, `(batch, units)`.
    """

    words: Tensor
    inputs: Tensor
    states: Tensor
    outputs: Tensor


def draw_masks(
    rates: Rates,
    words: int,
    units: int,
    batch: int,
    generator: torch.Generator,
    device: torch.device | str = "cpu",
) -> Masks:
    """Draw the masks of one sequence.

    Args:
        rates: The probabilities.
        words: Size of the vocabulary.
        units: Units of embedding and state.
        batch: Number of columns.
        generator: Source of the random numbers, on the CPU.
        device: Where the masks go.
    """

    def mask(rate: float, *shape: int) -> Tensor:
        if rate == 0:
            return torch.ones(shape)
        return (torch.rand(shape, generator=generator) >= rate) / (1 - rate)

    inputs = mask(rates.dropouti, batch, units) * mask(rates.dropoutx, batch, units)
    masks = (
        mask(rates.dropoute, words, 1),
        inputs,
        mask(rates.dropouth, batch, units),
        mask(rates.dropout, batch, units),
    )
    return Masks(*(drawn.to(device) for drawn in masks))
