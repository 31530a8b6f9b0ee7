"""Published models of clicks, with the same embeddings and training as found functions."""

from abc import abstractmethod
from math import sqrt

import torch
from torch import Tensor, nn

from nasp.core.relaxation import Relaxation
from sif.nn.field_model import FieldModel, field_embeddings
from sif.nn.towers import CrossLayers, Dropout, HiddenLayers, layer
from sif.options import FieldOptions

DEPTH = 3  # layers of each tower, as published


class ClickBaseline(FieldModel):
    """A fixed model of clicks, plus a bias for each id.

    Args:
        sizes: Number of table rows of each field.
        options: The options.
        generator: Draws all initial values, and the masks of dropout.
    """

    def __init__(
        self, sizes: tuple[int, ...], options: FieldOptions, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.options = options
        self.embeddings = field_embeddings(sizes, options, generator)
        self.dropout = Dropout(options.dropout, generator)
        self.build(len(sizes) * options.embedding_dim, generator)

    @abstractmethod
    def build(self, inputs: int, generator: torch.Generator) -> None:
        """Make the layers.

        Args:
            inputs: Length of the joined embeddings.
            generator: Draws the initial values.
        """

    @abstractmethod
    def interact(self, embeddings: Tensor, dropout: Dropout | None) -> Tensor:
        """Return logits `(rows,)` of embeddings `(fields, rows, dim)`, without biases.

        Args:
            embeddings: The embeddings.
            dropout: Applied after hidden layers; None for none.
        """

    def rate(
        self, rows: Tensor, relaxation: Relaxation | None = None, *, trained: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Return logits and embeddings, see `FieldModel.rate`."""
        looked_up = self.embeddings.look_up(rows)
        embeddings, bias = self.embeddings.parts(looked_up)
        logits = self.interact(embeddings, self.dropout if trained else None)
        return (logits if bias is None else logits + bias), looked_up


class DCNv2(ClickBaseline):
    """Cross layers beside hidden layers (Wang et al., WWW 2021, the parallel structure)."""

    def build(self, inputs: int, generator: torch.Generator) -> None:
        self.cross = CrossLayers(inputs, DEPTH, self.options, generator)
        self.deep = HiddenLayers(inputs, DEPTH, self.options, generator)
        self.head = layer(inputs + self.options.hidden_units, 1, generator)

    def interact(self, embeddings: Tensor, dropout: Dropout | None) -> Tensor:
        x = joined(embeddings)
        both = torch.cat([run(self.cross, x, dropout), run(self.deep, x, dropout)], dim=1)
        logits: Tensor = self.head(both).squeeze(1)
        return logits


class FinalMLP(ClickBaseline):
    """Two towers of hidden layers over gated embeddings (Mao et al., AAAI 2023).

    The first tower's gates depend on the first field, the user, and the second's on the second
    field, the item. The logit is bilinear in the towers' outputs (eq. 12), for each of `HEADS`
    parts of them.
    """

    HEADS = 10

    def build(self, inputs: int, generator: torch.Generator) -> None:
        options = self.options
        units, dim = options.hidden_units, options.embedding_dim
        self.gates = nn.ModuleList(
            nn.Sequential(layer(dim, units, generator), nn.ReLU(), layer(units, inputs, generator))
            for _ in range(2)
        )
        self.streams = nn.ModuleList(
            HiddenLayers(inputs, DEPTH, options, generator) for _ in range(2)
        )
        heads = self.HEADS if units % self.HEADS == 0 else 1
        part = units // heads
        self.bilinear = nn.Parameter(torch.randn(heads, part, part, generator=generator) / part)
        self.head = nn.Parameter(torch.randn(2, units, generator=generator) / sqrt(units))

    def interact(self, embeddings: Tensor, dropout: Dropout | None) -> Tensor:
        x, outputs = joined(embeddings), list[Tensor]()
        for field, (gate, stream) in enumerate(zip(self.gates, self.streams, strict=True)):
            assert isinstance(stream, HiddenLayers)
            opened = 2 * torch.sigmoid(gate(embeddings[field]))
            outputs.append(run(stream, opened * x, dropout))
        heads = len(self.bilinear)
        first, second = (o.view(len(o), heads, -1).transpose(0, 1) for o in outputs)
        fused: Tensor = (first.bmm(self.bilinear) * second).sum((0, 2))
        return fused + outputs[0].mv(self.head[0]) + outputs[1].mv(self.head[1])


def joined(embeddings: Tensor) -> Tensor:
    """Join embeddings `(fields, rows, dim)` to `(rows, fields · dim)`."""
    return embeddings.transpose(0, 1).flatten(1)


def run(stack: CrossLayers | HiddenLayers, x: Tensor, dropout: Dropout | None) -> Tensor:
    """Return the output of all layers of a stack, `(rows, width)`."""
    state = x
    for number in range(len(stack.layers)):
        state = stack.step(number, state, x, dropout)
    return state
