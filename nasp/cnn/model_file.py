"""Files of trained networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nasp.cnn.data import Normalise
from nasp.cnn.network import MULTIPLES, Network
from nasp.core.genotype import Genotype
from nasp.errors import NaspError
from nasp.files.schema import (
    flag,
    integer,
    mapping,
    number,
    one_of,
    section,
    sequence,
    tensor,
    text,
)
from nasp.runs.model_file import ModelFormat, load_state, read_model, write_model

SCHEMA = section(
    {
        "genotype": text,
        "network": section(
            {
                "channels": integer(2, 1 << 16),
                "layers": integer(1, 1 << 10),
                "classes": integer(1, 1 << 24),
                "kind": one_of(*MULTIPLES),
                "auxiliary": flag,
            }
        ),
        "class_names": sequence(text),
        "mean": sequence(number(), 3),
        "std": sequence(number(above=0), 3),
        "size": integer(1, 1 << 16),
        "state": mapping(tensor()),
    }
)
KIND = ModelFormat(
    "nasp.cnn network", 2, content="trained network", noun="network", schema=SCHEMA, oldest=1
)


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network with everything needed to classify images.

    Attributes:
        network: The network with its weights.
        class_names: Name of the class of each logit.
        normalise: Normalisation of the images.
        size: Height and width of the training images, in pixels.
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
    """Write a network with class names and normalisation to a file, atomically.

    Args:
        path: The file to make or replace.
        network: The network, on any device and in any mode.
        class_names: See `TrainedNetwork`.
        normalise: See `TrainedNetwork`.
        size: See `TrainedNetwork`.

    Raises:
        NaspError: The number of names is not the number of classes.
        OSError: The file cannot be written; the previous file is unchanged.
    """
    _check_names(path, class_names, network.classes)
    body = {
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
    write_model(path, KIND, body)


def load_network(path: Path, device: torch.device | str = "cpu") -> TrainedNetwork:
    """Read a file that `save_network` wrote, without executing anything in it.

    Returns:
        The network in evaluation mode on `device`, with its names and normalisation.

    Raises:
        NaspError: The file is missing or damaged, or has another version or format.
    """

    def build(body: dict[str, Any]) -> TrainedNetwork:
        genotype = Genotype.from_json(body["genotype"], str(path))
        _check_names(path, body["class_names"], body["network"]["classes"])
        with torch.device("meta"):  # all weights come from the file
            network = Network(genotype, generator=torch.Generator(), **body["network"])
        load_state(network, body["state"], path, assign=True)
        normalise = Normalise(tuple(body["mean"]), tuple(body["std"]))
        return TrainedNetwork(network.eval(), tuple(body["class_names"]), normalise, body["size"])

    return read_model(path, KIND, build, device)


def _check_names(path: Path, class_names: Sequence[str], classes: int) -> None:
    if len(class_names) != classes:
        raise NaspError(f"{path}: {len(class_names)} names for {classes} classes")
