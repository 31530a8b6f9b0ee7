"""Reading of a saved model of any task."""

from pathlib import Path

import torch

from nasp.errors import NaspError
from nasp.runs.model_file import format_of
from sif.models import click, ranking, rating
from sif.models.click import ClickModel
from sif.models.ranking import RankingModel
from sif.models.rating import InteractionModel

Model = InteractionModel | RankingModel | ClickModel
MODELS: dict[str, type[Model]] = {
    rating.KIND.format: InteractionModel,
    ranking.KIND.format: RankingModel,
    click.KIND.format: ClickModel,
}
"""The class of each format of files."""


def load_model(path: Path, device: torch.device | str = "cpu") -> Model:
    """Read a model file, whatever its task.

    Raises:
        NaspError: The file is missing or damaged, or is no model of a recommender.
    """
    name = format_of(path)
    if name not in MODELS:
        raise NaspError(f"{path}: this file holds no model of a recommender: give another")
    return MODELS[name].load(path, device)
