"""The search space of recurrent cells: a language model whose cell has all candidates."""

import torch
from torch import Tensor

from nasp.core.genotype import Choices, Genotype
from nasp.core.relaxation import Relaxation
from nasp.core.space import SearchSpace
from nasp.rnn.data.text_batches import TextBatch
from nasp.rnn.dropout import Masks
from nasp.rnn.genotype import NODES, SPACE, decisions_of
from nasp.rnn.search_cell import SearchCell
from nasp.rnn.words import LanguageModelOutput, TiedWords


class RNNSpace(SearchSpace):
    """Embedding, cell and decoder; all time steps share the decisions.

    Args:
        words: Size of the vocabulary.
        units: Units of embedding and state.
        generator: Draws the initial weights, on the CPU.
        nodes: Number of nodes of the cell, without node 0.
        batch_norm: Whether the cell's states are normalised.
        none: Whether `none` is one of the operations, as in DARTS. It has a weight, computes
            nothing and is never kept.
    """

    name = SPACE

    def __init__(
        self,
        words: int,
        units: int,
        generator: torch.Generator,
        nodes: int = NODES,
        batch_norm: bool = True,
        none: bool = False,
    ) -> None:
        super().__init__()
        self.decisions = decisions_of(nodes, none)
        self.words = TiedWords(words, units, generator)
        self.cell = SearchCell(self.decisions, units, generator, batch_norm)

    def forward(self, batch: TextBatch, relaxation: Relaxation) -> LanguageModelOutput:
        """Return the predictions for a batch, and pass its final state to its reader."""
        outputs = self.outputs(batch.inputs, batch.state, relaxation, batch.masks)
        batch.end_at(outputs[-1])
        return self.words.decode(outputs, batch.masks)

    def outputs(
        self, inputs: Tensor, state: Tensor, relaxation: Relaxation, masks: Masks | None = None
    ) -> Tensor:
        """Return the cell's outputs, `(steps, batch, units)`, for words `(steps, batch)`."""
        embedded = self.words.embed(inputs, masks)
        return self.cell(  # type: ignore[no-any-return]
            embedded, state, relaxation, None if masks is None else masks.states
        )

    def genotype(self, choices: Choices) -> Genotype:
        return Genotype(self.name, choices)
