"""Files of trained language models."""

from pathlib import Path
from typing import Any

import torch

from nasp.core.genotype import Genotype
from nasp.errors import NaspError
from nasp.files.schema import integer, mapping, section, sequence, tensor, text
from nasp.rnn.data import Vocabulary
from nasp.rnn.data.corpus import END
from nasp.rnn.network import LanguageModel
from nasp.runs.model_file import ModelFormat, load_state, read_model, write_model

SCHEMA = section(
    {
        "genotype": text,
        "units": integer(1, 1 << 16),
        "words": sequence(text),
        "state": mapping(tensor()),
    }
)
KIND = ModelFormat(
    "nasp.rnn language model", 2, content="language model", noun="model", schema=SCHEMA, oldest=1
)


def save_model(path: Path, network: LanguageModel, vocabulary: Vocabulary) -> None:
    """Write a language model and its vocabulary to a file, atomically.

    Raises:
        OSError: The file cannot be written; the previous file is unchanged.
    """
    body = {
        "genotype": network.genotype.to_json(),
        "units": network.units,
        "words": list(vocabulary.words),
        "state": network.state_dict(),
    }
    write_model(path, KIND, body)


def load_model(path: Path, device: torch.device | str = "cpu") -> tuple[LanguageModel, Vocabulary]:
    """Read a file that `save_model` wrote, without executing anything in it.

    Raises:
        NaspError: The file is missing or damaged, or has another version or format.
    """

    def build(body: dict[str, Any]) -> tuple[LanguageModel, Vocabulary]:
        genotype = Genotype.from_json(body["genotype"], str(path))
        vocabulary = Vocabulary(tuple(body["words"]))
        if len(set(vocabulary.words)) < len(vocabulary) or END not in vocabulary.words:
            raise NaspError(f"{path}: the model's words are not distinct, or lack {END}")
        with torch.device("meta"):  # all weights come from the file
            network = LanguageModel(genotype, len(vocabulary), body["units"], torch.Generator())
        load_state(network, body["state"], path, assign=True)
        return network, vocabulary

    return read_model(path, KIND, build, device)
