"""A trained network in one file."""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from nasp.cnn.data import Normalise
from nasp.cnn.network import Network
from nasp.core.errors import NaspError
from nasp.core.files import write_atomic
from nasp.core.genotype import Genotype

FORMAT = "nasp.cnn network"
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


@dataclass(frozen=True)
class TrainedNetwork:
    """What it takes to classify an image.

    Attributes:
        network: With its weights.
        class_names: One for each logit.
        normalise: What images go through.
        size: Height and width of the images that it was trained on, in pixels.
    """

    network: Network
    class_names: tuple[str, ...]
    normalise: Normalise
    size: int


def save_network(
    path: Path,
    network: Network,
    class_names: Sequence[str],
    normalise: Normalise,
    size: int,
) -> None:
    """Write a network and what goes with it to one file, atomically, without code in it.

    Args:
        path: The file to make or replace.
        network: On any device, in training or in evaluation.
        class_names: See `TrainedNetwork`.
        normalise: See `TrainedNetwork`.
        size: See `TrainedNetwork`.

    Raises:
        NaspError: There is not one name for each class.
        OSError: The file cannot be written; the one before it is still whole.
    """
    if len(class_names) != network.classes:
        raise NaspError(f"{path}: {len(class_names)} names for {network.classes} classes")
    body = {
        "format": FORMAT,
        "version": VERSION,
        "genotype": network.genotype.to_json(),
        "network": {
            "channels": network.channels,
            "layers": network.layers,
            "classes": network.classes,
            "kind": network.kind,
            "auxiliary": network.auxiliary is not None,
        },
        "class_names": list(class_names),
        "mean": list(normalise.mean),
        "std": list(normalise.std),
        "size": size,
        "state": network.state_dict(),
    }
    write_atomic(path, lambda file: torch.save(body, file))


def load_network(path: Path, device: torch.device | str = "cpu") -> TrainedNetwork:
    """Read what `save_network` wrote; nothing in the file can run.

    Returns:
        The network in evaluation mode on `device`, with its names and normalisation.

    Raises:
        NaspError: The file is missing, damaged, of another version or of something else.
    """
    try:
        body = torch.load(path, map_location=device, weights_only=True)
    except OSError as error:
        raise NaspError(f"{path}: cannot read the network file ({error.strerror})") from error
    except DAMAGE as error:
        raise NaspError(f"{path}: not a network file, or damaged: give another") from error
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise NaspError(f"{path}: this file holds no trained network, but something else")
    if body.get("version") != VERSION:
        raise NaspError(
            f"{path}: network version {body.get('version')}, but this program reads version "
            f"{VERSION}: install the release that wrote it"
        )
    try:
        genotype = Genotype.from_json(body["genotype"], str(path))
        with torch.device("meta"):  # every number comes from the file
            network = Network(genotype, generator=torch.Generator(), **body["network"])
        network.load_state_dict(body["state"], assign=True)
        normalise = Normalise(tuple(body["mean"]), tuple(body["std"]))
        return TrainedNetwork(
            network.eval(), tuple(body["class_names"]), normalise, int(body["size"])
        )
    except DAMAGE as error:
        if isinstance(error, NaspError):
            raise
        raise NaspError(f"{path}: the network file is damaged: give another") from error
