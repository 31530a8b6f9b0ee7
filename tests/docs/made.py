"""Small tasks on generated data, for the operations of `docs/extending`."""

from pathlib import Path
from typing import Any

import pandas as pd
import torch

from nasp.cnn.data import LabelledImages
from nasp.cnn.images import ImagesInMemory
from nasp.cnn.options import SearchOptions as CNNOptions
from nasp.cnn.tasks import ImageTask
from nasp.rnn.options import SearchOptions as RNNOptions
from nasp.rnn.tasks import TextTask
from sif.data import Synthetic, split_ratings, synthetic
from sif.data.search_data import SearchData
from sif.options import SearchOptions as RatingOptions
from sif.tasks.rating import RatingTask
from tests.nasp.rnn.made import LIGHT, SMALL, made_corpus

SHORT: dict[str, Any] = {
    **{"epochs": 2, "warm_up": 1, "restarts": 2, "finalists": 1, "train_epochs": 1},
}


def image_task(space: str) -> ImageTask:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (24, 3, 8, 8), generator=generator).to(torch.uint8)
    data = LabelledImages(images, torch.arange(24) % 3)
    halves = data[torch.arange(16)], data[torch.arange(16, 24)]
    options = CNNOptions(
        channels=4, layers=3, batch_size=8, space=space, **{**SHORT, "restarts": 1}
    )
    return ImageTask(ImagesInMemory(*halves, None, ("a", "b", "c"), 8, 2), options)


def text_task(folder: Path) -> TextTask:
    options = RNNOptions(**SMALL, **LIGHT, **SHORT, tokens=100)  # type: ignore[arg-type]
    return TextTask(made_corpus(folder), options, torch.device("cpu"))


def rating_task(
    entities: int = 2,
    functions: tuple[str, ...] | None = None,
    ratings: pd.DataFrame | None = None,
    **options: Any,
) -> RatingTask:
    if ratings is None:
        ratings = synthetic(Synthetic(users=40, items=30, ratings=900), seed=0)
    for position in range(entities - 2):
        ratings[f"context{position}"] = [row % (3 + position) for row in range(len(ratings))]
    parts = split_ratings(ratings, seed=0)
    paper = {"encoders": ("id",), "elementwise": True, "sweeps": 0, "known": ()}
    made = RatingOptions(**{"embedding_dim": 3, "batch_size": 64, **paper, **SHORT, **options})
    return RatingTask(SearchData.from_splits(parts.train, parts.valid), made, None, functions)
