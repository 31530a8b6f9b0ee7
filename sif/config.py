"""What the commands can be told about their ratings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from nasp.core.command import RunOptions
from nasp.core.errors import NaspError
from sif.data import Splits, Synthetic, given, load, parse_columns, split, synthetic
from sif.fit import TrainOptions
from sif.options import SearchOptions


@dataclass
class RatingOptions:
    """How ratings are read and split.

    Attributes:
        data_dir: Folder that holds data sets; NASP_DATA if null.
        columns: Names of a table's columns, user=uid,item=iid,rating=stars for example; with
            context=name for each further entity.
        split: random, or time: the oldest ratings train, the newest test.
        split_fractions: Shares of training, validation and test.
        synthetic: What `--data synthetic` plants.
    """

    data_dir: Path | None = None
    columns: str | None = None
    split: Literal["random", "time"] = "random"
    split_fractions: tuple[float, float, float] = (0.5, 0.25, 0.25)
    synthetic: Synthetic = Synthetic()  # noqa: RUF009 (frozen)

    def load(self, name: str, seed: int) -> Splits:
        """Read, check and split the ratings of a data set or file.

        Raises:
            NaspError: Something is wrong with the data; the message says what and where.
        """
        return split(
            self.read(name, seed), by=self.split, fractions=self.split_fractions, seed=seed
        )

    def read(self, name: str, seed: int) -> pd.DataFrame:
        """Read and check the ratings of a data set or file."""
        if name == "synthetic":
            return synthetic(self.synthetic, seed=seed)
        return load(name, data_dir=self.data_dir, columns=parse_columns(self.columns))


@dataclass
class DataOptions(RatingOptions):
    """Which ratings, and how they are split.

    Attributes:
        data: A name in datasets/, a path to csv, tsv, dat, parquet or inter, or synthetic.
        valid_data: Validation ratings of a given split; drawn from the training ratings if null.
        test_data: Test ratings of a given split, of which `data` has the training ratings.
    """

    data: str = "movielens"
    valid_data: Path | None = None
    test_data: Path | None = None

    def splits(self, seed: int) -> Splits:
        """Read, check and split the ratings.

        Raises:
            NaspError: Something is wrong with the data; the message says what and where.
        """
        if self.valid_data is not None and self.test_data is None:
            raise NaspError("valid_data needs test_data beside it: give both, or none")
        if self.test_data is None:
            return self.load(self.data, seed)
        train = self.read(self.data, seed)
        valid = None if self.valid_data is None else self.read(str(self.valid_data), seed)
        return given(train, valid, self.read(str(self.test_data), seed), seed=seed)


@dataclass
class SearchConfig(RunOptions, SearchOptions, DataOptions):
    """All options of `python -m sif.search`."""


@dataclass
class TrainConfig(RunOptions, TrainOptions, DataOptions):
    """All options of `python -m sif.train`.

    Attributes:
        genotype: The genotype.json of a search.
        epochs: Epochs at most.
    """

    genotype: Path = Path("genotype.json")
    epochs: int = 100
