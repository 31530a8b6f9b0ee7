"""`nasp export rnn`: a trained language model as a file that other programs run."""

import torch
from torch import Tensor, nn

from nasp.rnn.config import ExportConfig
from nasp.rnn.data import Vocabulary
from nasp.rnn.data.corpus import END
from nasp.rnn.model_file import load_model
from nasp.rnn.network import LanguageModel
from nasp.runs.export import ExportedNetwork, write_exported


class NextWords(nn.Module):
    """A language model whose state is an input and an output.

    Args:
        network: The trained model.
    """

    def __init__(self, network: LanguageModel) -> None:
        super().__init__()
        self.network = network.eval()

    def forward(self, words: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of the next words, and the state after the last word.

        Args:
            words: Numbers of words, int64 `(steps, batch)`.
            state: State before the first word, `(batch, units)`; zeros at the start of a text.

        Returns:
            `(steps, batch, vocabulary)` and `(batch, units)`.
        """
        outputs = self.network.outputs(words, state)
        logits = self.network.words.decode(outputs).logits
        return logits.view(*words.shape, -1), outputs[-1]


def exported_network(network: LanguageModel, vocabulary: Vocabulary) -> ExportedNetwork:
    """Return a trained language model with what its file needs."""
    random, words, units = torch.Generator().manual_seed(0), len(vocabulary), network.units
    return ExportedNetwork(
        NextWords(network),
        {"words": (0, 1), "state": (0,)},
        ("logits", "next_state"),
        [
            (
                torch.randint(words, (steps, batch), generator=random),
                torch.rand(batch, units, generator=random),
            )
            for steps, batch in ((4, 2), (1, 1), (7, 3))
        ],
        {
            "input": {"words": ["steps", "batch"], "state": ["batch", units]},
            "output": {"logits": ["steps", "batch", words], "next_state": ["batch", units]},
            "vocabulary": list(vocabulary.words),
            "end_of_line": END,
            "genotype": network.genotype.to_json(),
        },
    )


def export(config: ExportConfig) -> None:
    """Export a trained language model.

    Raises:
        NaspError: The model is damaged, or the file exists or would differ from the model.
    """
    path = config.checked_output()
    difference = write_exported(path, exported_network(*load_model(config.model_file)))
    print(f"{path}: the outputs differ from the model's by at most {difference:.1e}")
