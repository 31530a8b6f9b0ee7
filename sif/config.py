"""What the commands can be told about their ratings."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

from nasp.core.command import RunOptions
from nasp.core.errors import NaspError
from sif.data import Splits, Synthetic, Table, given, load, parse_columns, split, synthetic
from sif.data.card import find_card
from sif.fit import TrainOptions
from sif.options import SearchOptions


@dataclass
class RatingOptions:
    """How ratings are read and split.

    Attributes:
        data_dir: Folder that holds data sets; NASP_DATA if null.
        columns: Names of a table's columns, user=uid,item=iid,rating=stars for example; with
            context=name for each further entity.
        rating_transform: log makes each rating r log(1 + r), for counts; none keeps them; what the
            data set's card says if null.
        split: random, or time: the oldest ratings train, the newest test.
        split_fractions: Shares of training, validation and test.
        synthetic: What `--data synthetic` plants.
    """

    data_dir: Path | None = None
    columns: str | None = None
    rating_transform: Literal["none", "log"] | None = None
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

    def read(self, name: str, seed: int, like: str | None = None) -> Table:
        """Read and check the ratings of a data set or file.

        Args:
            name: A name in datasets/, a path, or synthetic.
            seed: Of synthetic ratings.
            like: A data set whose columns and transform the file shares.
        """
        if name == "synthetic":
            return Table.of(synthetic(self.synthetic, seed=seed))
        columns, transform = self.columns, self.rating_transform
        if like is not None and (card := find_card(like)) is not None:
            columns, transform = columns or card.columns, transform or card.rating_transform
        return load(
            name,
            data_dir=self.data_dir,
            columns=None if columns is None else parse_columns(columns),
            transform=transform,
        )


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

    def resolved(self) -> Self:
        """These options, with what the data set's card says where nothing is given."""
        if (card := find_card(self.data)) is None:
            return self
        transform = None if card.rating_transform == "none" else card.rating_transform
        return replace(
            self,
            columns=self.columns or card.columns,
            rating_transform=self.rating_transform or transform,
        )

    def splits(self, seed: int) -> Splits:
        """Read, check and split the ratings.

        Raises:
            NaspError: Something is wrong with the data; the message says what and where.
        """
        if self.valid_data is not None and self.test_data is None:
            raise NaspError("valid_data needs test_data beside it: give both, or none")
        train = self.read(self.data, seed)
        if self.test_data is None:
            return split(train, by=self.split, fractions=self.split_fractions, seed=seed)
        valid = None
        if self.valid_data is not None:
            valid = self.read(str(self.valid_data), seed, like=self.data)
        test = self.read(str(self.test_data), seed, like=self.data)
        return given(train, valid, test, seed=seed)


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
