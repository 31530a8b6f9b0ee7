"""The stand-alone language model of a genotype."""

import torch
from torch import Tensor, nn

from nasp.core.genotype import Genotype
from nasp.rnn.cell import RecurrentCell
from nasp.rnn.data.text_batches import TextBatch
from nasp.rnn.dropout import Masks
from nasp.rnn.genotype import plan_of
from nasp.rnn.words import LanguageModelOutput, TiedWords


class LanguageModel(nn.Module):
    """A language model: embedding, one cell and decoder. Embedding and decoder share their matrix.

    Args:
        genotype: The cell.
        words: Size of the vocabulary.
        units: Units of embedding and state.
        generator: Draws the initial weights, on the CPU.

    Raises:
        NaspError: The genotype is not of a recurrent cell.
    """

    def __init__(
        self,
        genotype: Genotype,
        words: int,
        units: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.genotype, self.units = genotype, units
        self.words = TiedWords(words, units, generator)
        self.cell = RecurrentCell(plan_of(genotype), units, generator)

    def forward(self, batch: TextBatch) -> LanguageModelOutput:
        """Return the predictions for a batch, and pass its final state to its reader."""
        outputs = self.outputs(batch.inputs, batch.state, batch.masks)
        batch.end_at(outputs[-1])
        return self.words.decode(outputs, batch.masks)

    def outputs(self, inputs: Tensor, state: Tensor, masks: Masks | None = None) -> Tensor:
        """Return the cell's outputs, `(steps, batch, units)`, for words `(steps, batch)`."""
        embedded = self.words.embed(inputs, masks)
        return self.cell(embedded, state, None if masks is None else masks.states)  # type: ignore[no-any-return]
