"""Variational dropout: one mask for all time steps of a sequence (Gal and Ghahramani, 2016).

Masks are drawn outside of the network and passed to it, so that a batch that runs several times
meets the same ones, and that the network compiles to a graph without random numbers.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rates:
    """Probabilities of dropping, by AWD-LSTM's and DARTS's names.

    Attributes:
        dropout: A unit of the output.
        dropouth: A unit of a state, before its product.
        dropoutx: A unit of the cell's input.
        dropouti: A unit of the embedded word.
        dropoute: A word's whole embedding.
    """

    dropout: float
    dropouth: float
    dropoutx: float
    dropouti: float
    dropoute: float


@dataclass(frozen=True)
class Masks:
    """Factors 0 or 1/(1 − probability).

    Attributes:
        words: Of the embeddings, `(words, 1)`.
        inputs: Of the embedded words, `(batch, inputs)`: dropouti's times dropoutx's.
        states: Of the states before their products, `(batch, units)`.
        outputs: Of the cell's outputs, `(batch, units)`.
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
    """Draw what one sequence drops.

    Args:
        rates: Probabilities.
        words: Size of the vocabulary.
        units: Of embedding and state.
        batch: Columns.
        generator: On the CPU.
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
