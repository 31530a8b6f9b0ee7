"""A trained language model in one file."""

import pickle
from pathlib import Path

import torch

from nasp.core.errors import NaspError
from nasp.core.files import write_atomic
from nasp.core.genotype import Genotype
from nasp.rnn.data import Vocabulary
from nasp.rnn.network import LanguageModel

FORMAT = "nasp.rnn language model"
VERSION = 1
# What torch raises on damaged files, depending on where the damage is.
DAMAGE = (
    RuntimeError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    pickle.UnpicklingError,
)


def save_model(path: Path, network: LanguageModel, vocabulary: Vocabulary) -> None:
    """Write a language model and its words to one file, atomically, without code in it.

    Raises:
        OSError: The file cannot be written; the one before it is still whole.
    """
    body = {
        "format": FORMAT,
        "version": VERSION,
        "genotype": network.genotype.to_json(),
        "units": network.units,
        "words": list(vocabulary.words),
        "state": network.state_dict(),
    }
    write_atomic(path, lambda file: torch.save(body, file))


def load_model(path: Path, device: torch.device | str = "cpu") -> tuple[LanguageModel, Vocabulary]:
    """Read what `save_model` wrote; nothing in the file can run.

    Raises:
        NaspError: The file is missing, damaged, of another version or of something else.
    """
    try:
        body = torch.load(path, map_location=device, weights_only=True)
    except OSError as error:
        raise NaspError(f"{path}: cannot read the model file ({error.strerror})") from error
    except DAMAGE as error:
        raise NaspError(f"{path}: not a model file, or damaged: give another") from error
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise NaspError(f"{path}: this file holds no language model, but something else")
    if body.get("version") != VERSION:
        raise NaspError(
            f"{path}: model version {body.get('version')}, but this program reads version "
            f"{VERSION}: install the release that wrote it"
        )
    try:
        genotype = Genotype.from_json(body["genotype"], str(path))
        vocabulary = Vocabulary(tuple(map(str, body["words"])))
        with torch.device("meta"):  # every number comes from the file
            network = LanguageModel(
                genotype, len(vocabulary), int(body["units"]), torch.Generator()
            )
        network.load_state_dict(body["state"], assign=True)
    except DAMAGE as error:
        if isinstance(error, NaspError):
            raise
        raise NaspError(f"{path}: the model file is damaged: give another") from error
    return network, vocabulary
