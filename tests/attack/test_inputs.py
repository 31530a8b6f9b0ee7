"""No malformed input causes a traceback, a hang, or a wrong result.

Every run of the tests includes a sample of the inputs; `python -m pytest -m attack` tries all.
"""

from pathlib import Path
from random import Random

import pytest

from tests.attack import media, models, records, settings, tables
from tests.attack.harness import Kind, assault
from tests.attack.made import Made

KINDS: dict[str, tuple[Kind, int]] = {
    "sif models": (models.sif_models, 30),
    "networks": (models.networks, 30),
    "language models": (models.language_models, 30),
    "genotypes": (models.genotypes, 60),
    "checkpoints": (models.checkpoints, 40),
    "trials": (records.trials, 60),
    "csv": (tables.csv, 90),
    "other texts": (tables.other_texts, 45),
    "parquet": (tables.parquet_files, 50),
    "archives": (tables.archives, 50),
    "options": (settings.options, 400),
    "configuration files": (settings.yaml_files, 60),
    "images in parquet": (media.parquet_images, 30),
    "images in folders": (media.image_folders, 15),
    "pickled images": (media.pickled_images, 40),
    "texts": (media.texts, 40),
    "comparison cells": (records.comparison_cells, 60),
    "cards": (records.cards, 40),
    "requests": (records.served, 20),
}
"""By name: the generator of inputs, and the sampling interval."""


def attack(kind: str, made: Made, folder: Path, every: int) -> None:
    faults = assault(kind, KINDS[kind][0](made, folder, Random(kind)), every)
    assert not faults, "\n\n".join(faults)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample(kind: str, made: Made, folder: Path) -> None:
    attack(kind, made, folder, KINDS[kind][1])


@pytest.mark.attack
@pytest.mark.parametrize("kind", KINDS)
def test_all(kind: str, made: Made, folder: Path) -> None:
    attack(kind, made, folder, 1)
