"""The contract of tasks, for the three spaces and the toys."""

import dataclasses

import pytest
import torch

from nasp.cnn.data import LabelledImages
from nasp.cnn.images import ImagesInMemory
from nasp.cnn.options import SearchOptions as CNNOptions
from nasp.cnn.tasks import ImageTask
from nasp.rnn.options import SearchOptions as RNNOptions
from nasp.rnn.tasks import TextTask
from nasp.search import SearchOptions, Task
from nasp.testing import TaskContract, ToyCNN, ToyOptions, ToyTask
from sif.data import Synthetic, split_ratings, synthetic
from sif.data.search_data import SearchData
from sif.options import SearchOptions as RatingOptions
from sif.tasks.rating import RatingTask
from tests.nasp.rnn.made import LIGHT, SMALL, made_corpus

SHORT = {"epochs": 2, "warm_up": 1, "restarts": 2, "finalists": 1, "train_epochs": 1}


class TestToyTask(TaskContract):
    @pytest.fixture
    def task(self) -> Task:
        return ToyTask(ToyCNN, ToyOptions(**SHORT))


class TestImageTask(TaskContract):
    @pytest.fixture
    def task(self) -> Task:
        generator = torch.Generator().manual_seed(0)
        images = torch.randint(256, (24, 3, 8, 8), generator=generator).to(torch.uint8)
        data = LabelledImages(images, torch.arange(24) % 3)
        halves = data[torch.arange(16)], data[torch.arange(16, 24)]
        options = CNNOptions(channels=4, layers=3, batch_size=8, **{**SHORT, "restarts": 1})
        return ImageTask(ImagesInMemory(*halves, None, ("a", "b", "c"), 8, 2), options)


class TestTextTask(TaskContract):
    tolerance = 1e-3

    @pytest.fixture
    def task(self, tmp_path_factory: pytest.TempPathFactory) -> Task:
        corpus = made_corpus(tmp_path_factory.mktemp("made"))
        options = RNNOptions(**SMALL, **LIGHT, **SHORT, tokens=100)
        return TextTask(corpus, options, torch.device("cpu"))


class TestRatingTask(TaskContract):
    @pytest.fixture
    def task(self) -> Task:
        parts = split_ratings(synthetic(Synthetic(users=40, items=30, ratings=900), seed=0), seed=0)
        options = RatingOptions(embedding_dim=2, batch_size=64, sweeps=20, **SHORT)
        return RatingTask(SearchData.from_splits(parts.train, parts.valid), options)


def test_all_searches_share_their_options() -> None:
    common = {field.name for field in dataclasses.fields(SearchOptions)}
    for options in (CNNOptions, RNNOptions, RatingOptions, ToyOptions):
        assert common <= {field.name for field in dataclasses.fields(options)}
