"""A trained language model in one file."""

from pathlib import Path
from typing import Any

import torch

from nasp.core.genotype import Genotype
from nasp.core.model_file import Kind, read, write
from nasp.rnn.data import Vocabulary
from nasp.rnn.network import LanguageModel

KIND = Kind("nasp.rnn language model", 1, content="language model", noun="model")


def save_model(path: Path, network: LanguageModel, vocabulary: Vocabulary) -> None:
    """Write a language model and its words to one file, atomically, without code in it.

    Raises:
        OSError: The file cannot be written; the one before it is still whole.
    """
    body = {
        "genotype": network.genotype.to_json(),
        "units": network.units,
        "words": list(vocabulary.words),
        "state": network.state_dict(),
    }
    write(path, KIND, body)


def load_model(path: Path, device: torch.device | str = "cpu") -> tuple[LanguageModel, Vocabulary]:
    """Read what `save_model` wrote; nothing in the file can run.

    Raises:
        NaspError: The file is missing, damaged, of another version or of something else.
    """

    def build(body: dict[str, Any]) -> tuple[LanguageModel, Vocabulary]:
        genotype = Genotype.from_json(body["genotype"], str(path))
        vocabulary = Vocabulary(tuple(map(str, body["words"])))
        with torch.device("meta"):  # every number comes from the file
            network = LanguageModel(
                genotype, len(vocabulary), int(body["units"]), torch.Generator()
            )
        network.load_state_dict(body["state"], assign=True)
        return network, vocabulary

    return read(path, KIND, build, device)
