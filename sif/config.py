"""Options of the commands on their ratings."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

from nasp.cli.option_checks import MANY, check_at_most, check_positive
from nasp.data.fetch import Say, say_on_stderr
from nasp.errors import NaspError, check_known
from nasp.experiment.run_folder import EvaluationOptions, ModelOptions, RunOptions
from sif.data import (
    Splits,
    Synthetic,
    Table,
    given_splits,
    load_ratings,
    parse_columns,
    report_unseen_ids,
    split_ratings,
    synthetic,
)
from sif.data.card import find_rating_card
from sif.data.layout import Reading
from sif.data.split import SplitBy
from sif.options import SearchOptions, TrainOptions

SHOWN = ("split", "seed", "embedding_dim")  # options that MLflow shows even with default values


def say_nothing(line: str) -> None:
    """Ignore a message."""


@dataclass
class TableOptions(Reading):
    """Options of reading a table of ratings, wherever its file is.

    Attributes:
        data_dir: Folder that holds data sets; null takes NASP_DATA.
        columns: Names of a table's columns, for example user=uid,item=iid,rating=stars, or their
            numbers from 1, user=2,item=1,rating=3; with context=name for each further entity.
        rating_transform: log replaces each rating r by log(1 + r), for counts; none keeps ratings;
            null takes the transform in the data set's card.
    """

    data_dir: Path | None = None
    columns: str | None = None
    rating_transform: Literal["none", "log"] | None = None

    def read(
        self,
        name: str,
        like: str | None = None,
        *,
        timed: bool = False,
        say: Say = say_nothing,
    ) -> Table:
        """Read and check the ratings of a data set or file.

        Args:
            name: A name in datasets/, or a path.
            like: Name of the training data, if the file holds further ratings for evaluation, with
                the same columns and transform.
            timed: Whether times are required.
            say: Called with a summary of the table.
        """
        columns, transform = self.columns, self.rating_transform
        if like is not None and (card := find_rating_card(like, self.data_dir)) is not None:
            columns, transform = columns or card.columns, transform or card.rating_transform
        return load_ratings(
            name,
            data_dir=self.data_dir,
            columns=None if columns is None else parse_columns(columns),
            transform=transform,
            reading=self,
            timed=timed,
            evaluation_only=like is not None,
            say=say,
        )


@dataclass
class RatingOptions(TableOptions):
    """Options of reading and splitting ratings.

    Attributes:
        split: random; time: the oldest ratings for training, the newest for test; user: the
            fractions hold for each user; last: each user's last rating for test, the one before
            for validation.
        split_fractions: Shares of training, validation and test ratings.
        synthetic: Options of the ratings of `--data synthetic`.
    """

    split: SplitBy = "random"
    split_fractions: tuple[float, float, float] = (0.5, 0.25, 0.25)
    synthetic: Synthetic = Synthetic()  # noqa: RUF009 (frozen)

    def load(self, name: str, seed: int, say: Say = say_nothing) -> Splits:
        """Read, check and split the ratings of a data set or file.

        Args:
            name: A name in datasets/, a path, or synthetic.
            seed: Seed of the split, and of synthetic ratings.
            say: Called with a summary of the table.

        Raises:
            NaspError: Something is wrong with the data; the message says what and where.
        """
        if name == "synthetic":
            table = Table.from_frame(synthetic(self.synthetic, seed=seed))
        else:
            table = self.read(name, timed=self.split == "time", say=say)
        return split_ratings(table, by=self.split, fractions=self.split_fractions, seed=seed)


@dataclass
class DataOptions(RatingOptions):
    """Options of the data and their split.

    Attributes:
        data: A name in datasets/, a path to a table (csv and similar, parquet, feather, JSON lines,
            xlsx, SQLite, npz), or synthetic.
        valid_data: Validation ratings of a given split; null draws them from the training ratings.
        test_data: Test ratings of a given split, whose training ratings are `data`.
    """

    data: str = "movielens"
    valid_data: Path | None = None
    test_data: Path | None = None

    def resolved(self) -> Self:
        """Return these options with values from the data set's card in place of null."""
        if (card := find_rating_card(self.data, self.data_dir)) is None:
            return self
        transform = None if card.rating_transform == "none" else card.rating_transform
        return replace(
            self,
            columns=self.columns or card.columns,
            rating_transform=self.rating_transform or transform,
        )

    def splits(self, seed: int, say: Say = say_on_stderr) -> Splits:
        """Read, check and split the ratings.

        Args:
            seed: Of the split.
            say: Called with a summary of each table.

        Raises:
            NaspError: Something is wrong with the data; the message says what and where.
        """
        if self.valid_data is not None and self.test_data is None:
            raise NaspError("valid_data needs test_data: give both, or neither")
        if self.test_data is None:
            return self.load(self.data, seed, say)
        train = self.read(self.data, say=say)
        valid = None
        if self.valid_data is not None:
            valid = self.read(str(self.valid_data), like=self.data, say=say)
        test = self.read(str(self.test_data), like=self.data, say=say)
        splits = given_splits(train, valid, test, seed=seed)
        if valid is not None:
            report_unseen_ids(splits.valid, splits.train, "validation")
        report_unseen_ids(splits.test, splits.train, "test")
        return splits


@dataclass
class SearchConfig(RunOptions, SearchOptions, DataOptions):
    """All options of `python -m sif.search`."""

    shown = SHOWN


@dataclass
class TrainConfig(RunOptions, TrainOptions, DataOptions):
    """All options of `python -m sif.train`.

    Attributes:
        genotype: The genotype.json of a search.
        epochs: Maximum number of epochs.
    """

    shown = SHOWN
    genotype: Path = Path("genotype.json")
    epochs: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "epochs")
        check_at_most(self, MANY, "epochs")


@dataclass
class EvalConfig(EvaluationOptions, TableOptions):
    """All options of `python -m sif.evaluate`.

    Attributes:
        model: The model.pt of a search or a training, or the folder of its run.
        data: Ratings to evaluate on, with the columns of the training data: a path, or a name in
            datasets/.
        rating_transform: log or none; null takes that of the training data.
    """


@dataclass
class RecommendConfig(ModelOptions):
    """All options of `python -m sif.recommend`.

    Attributes:
        users: Ids of users, 7,12 for example, or all.
        n: Number of items for each user.
        context: A value for each further entity column, {mood: happy}, if the model has any.
        exclude_seen: Leave out items that the user has rated.
        output: A file to write, .csv or .parquet; null prints the recommendations.
        device: auto, cpu, cuda, cuda:1 or mps.
    """

    users: tuple[int | str, ...] = ("all",)
    n: int = 10
    context: dict[str, Any] = field(default_factory=dict)
    exclude_seen: bool = True
    output: Path | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        if not self.users:
            raise NaspError("users is empty: name ids, --users 7,12 for example, or --users all")
        check_positive(self, "n")
        if self.output is not None:
            check_known("suffix of output:", self.output.suffix, (".csv", ".parquet"))
            if not self.output.parent.is_dir():
                raise NaspError(f"{self.output}: there is no folder {self.output.parent}: make it")
