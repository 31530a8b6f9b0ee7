"""Options of the commands on their ratings."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from nasp.cli.option_checks import MANY, check_at_most, check_not_negative, check_positive
from nasp.data.fetch import Say, say_on_stderr
from nasp.errors import NaspError, check_known
from nasp.experiment.run_folder import EvaluationOptions, ModelOptions, RunOptions
from sif.data import (
    Encoder,
    Synthetic,
    Table,
    TaskData,
    TaskName,
    given_splits,
    load_ratings,
    parse_columns,
    report_unseen_ids,
    split_ratings,
    synthetic,
)
from sif.data.card import find_rating_card
from sif.data.ids import unseen_ids
from sif.data.layout import Reading
from sif.data.locate import given_parts
from sif.data.side_table import read_side_table
from sif.data.split import SplitBy
from sif.data.task_data import Sides, as_clicks, find_task, positives
from sif.options import SearchOptions, TrainOptions

RANKING = {
    "embedding_dim": 64,
    "encoders": ("id", "history", "graph1", "graph2"),
    "elementwise": False,
    "objective": "sampled_softmax",
    "penalty": "squared",
    "weight_decay": 0.06,
    "averaging": 2.0,
    "batch_size": 1024,
    "epochs": 6,
    "warm_up": 2,
    "restarts": 2,
    "finalists": 2,
    "train_epochs": 20,
    "patience": 3,
    "average": 4,
}
MANY_PAIRS = 400_000
FOR_MANY_PAIRS = {
    "epochs": 3,
    "warm_up": 1,
    "restarts": 1,
    "finalists": 1,
    "known": ("svdpp_shared",),
    "train_epochs": 30,
    "patience": 2,
    "closed_form_trials": 6,
}
"""Defaults of rankings of more than `MANY_PAIRS` pairs, whose epochs take half a minute or more."""
CLICKS = {
    "embedding_dim": 64,
    "penalty": "squared",
    "weight_decay": 0.003,
    "optimizer": "adam",
    "learning_rate": 0.01,
    "batch_size": 2048,
    "hidden_units": 200,
    "cross_rank": 64,
    "dropout": 0.4,
    "objective": "logistic",
    "averaging": 0.5,
    "epochs": 4,
    "warm_up": 1,
    "restarts": 3,
    "finalists": 2,
    "train_epochs": 12,
    "patience": 2,
}
TASK_DEFAULTS: Mapping[TaskName, Mapping[str, Any]] = {
    "rating": {},
    "ranking": RANKING,
    "click": CLICKS,
}
"""Defaults of options, by name, that differ from those of the dataclasses in a task."""
GIVEN_TEST: Mapping[TaskName, float] = {"rating": 0.25, "ranking": 0.15, "click": 0.25}
"""Share of the training rows for validation, by task, if only test rows are given.

What validates is missing in what ranks, so a ranking is validated with fewer rows.
"""
SHOWN = ("split", "seed", "embedding_dim")  # options that MLflow shows even with default values


# A step costs as much as its batch and, with graphs, as all ratings. So batches grow with the
# ratings, and the time of an epoch in proportion to them.
STEPS = 100  # steps of an epoch, about, of ratings that fill larger batches than the default ones
FEW_EDGES = 2_000_000  # ratings up to which a search propagates embeddings through their graph


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
        pairs: bool = False,
        say: Say = say_nothing,
    ) -> Table:
        """Read and check the ratings of a data set or file.

        Args:
            name: A name in datasets/, or a path.
            like: Name of the training data, if the file holds further ratings for evaluation, with
                the same columns and transform.
            timed: Whether times are required.
            pairs: Whether a table without ratings is read as pairs, see `sif.data.check_frame`.
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
            pairs=pairs,
            say=say,
        )


@dataclass
class RatingOptions(TableOptions):
    """Options of reading and splitting ratings.

    Attributes:
        task: rating: predict ratings; ranking: rank items for users, of whom each row is a
            positive; click: tell positives from negatives, with a logistic loss. Null finds it:
            ratings of several values are for rating, two values for click (the larger one is
            positive), and one value or no column of ratings for ranking.
        positive_from: In ranking, the smallest rating of a positive; rows with smaller ratings are
            left out. Null takes all rows.
        negatives: Negatives of each positive. For click they are drawn once, for the parts of the
            data without any: the same user and contexts with an item, drawn evenly, that the user
            never used. For ranking they are drawn for each batch, whose positives share them. Null
            leaves click to the negatives in the table, and takes 256 for ranking.
        split: random; time: the oldest ratings for training, the newest for test; user: the
            fractions hold for each user; last: each user's last rating for test, the one before
            for validation. Null is user for ranking, and random for other tasks. If test ratings
            are given, validation ratings are taken from training ratings in the same way.
        split_fractions: Shares of training, validation and test ratings.
        user_features: A table with a row for each user: its id, and properties such as categories,
            lists, numbers and dates; null for none.
        item_features: The same for items; a column of titles is kept for display.
        feature_bins: Number of bins of the numbers in these tables.
        time_bins: Number of bins of the times of ratings, with as many ratings each; 0 for none. In
            the posterior of a function, a user's encoding differs from bin to bin.
        synthetic: Options of the ratings of `--data synthetic`.
    """

    task: TaskName | None = None
    positive_from: float | None = None
    negatives: int | None = None
    split: SplitBy | None = None
    split_fractions: tuple[float, float, float] = (0.5, 0.25, 0.25)
    user_features: Path | None = None
    item_features: Path | None = None
    feature_bins: int = 16
    time_bins: int = 0
    synthetic: Synthetic = Synthetic()  # noqa: RUF009 (frozen)

    def load(
        self,
        name: str,
        seed: int,
        say: Say = say_nothing,
        *,
        valid: str | None = None,
        test: str | None = None,
    ) -> TaskData:
        """Read, check and split the ratings of a data set or file.

        Args:
            name: A name in datasets/, a path, or synthetic.
            seed: Seed of the split, and of synthetic ratings.
            say: Called with a summary of each table, and with the task.
            valid: Validation ratings of a given split, a path; None draws them from training.
            test: Test ratings of a given split; None takes those that the data set's card names, or
                else draws validation and test ratings.

        Raises:
            NaspError: Something is wrong with the options or the data; the message says what and
                where.
        """
        check_positive(self, "negatives", "feature_bins")
        check_not_negative(self, "time_bins")
        if test is None:
            valid, test = given_parts(name, self.data_dir)
        card = find_rating_card(name, self.data_dir)
        task = self.task or (None if card is None else card.task)
        negatives = self.negatives or (None if card is None else card.negatives)
        sources = [name, *(part for part in (valid, test) if part is not None)]
        # Where the task is not known yet, a table may turn out to have pairs.
        pairs = task != "rating" and self.positive_from is None
        tables = [self._read_part(part, name, seed, pairs, say) for part in sources]
        task = self._task(task, tables[0], say)
        if self.positive_from is not None:
            tables = self._positives(tables, sources, say)
        elif task == "click":
            tables = as_clicks(tables, drawn=negatives is not None)
        by = self.split or ("user" if task == "ranking" else "random")
        if test is None:
            splits = split_ratings(tables[0], by=by, fractions=self.split_fractions, seed=seed)
        else:
            between = None if valid is None else tables[1]
            splits = given_splits(
                tables[0], between, tables[-1], by=by, fraction=GIVEN_TEST[task], seed=seed
            )
        if task == "click" and negatives is not None:
            from sif.data.negatives import with_negatives  # it needs torch, and --help does not

            splits, drawn = with_negatives(splits, negatives, seed)
            say(drawn)
        for part, source, what in (
            (splits.valid, valid, "validation"),
            (splits.test, test, "test"),
        ):
            if source is not None:
                report_unseen_ids(part, splits.train, what)
            elif task != "rating" and (unseen := unseen_ids(part, splits.train)):
                say(f"{what}: {unseen} are not in training")
        return self._with_sides(TaskData(task, splits, negatives), say)

    def _read_part(self, part: str, train: str, seed: int, pairs: bool, say: Say) -> Table:
        """Read the table of training ratings, or one of a given split beside them."""
        if part == "synthetic":
            return Table.from_frame(synthetic(self.synthetic, seed=seed))
        like = None if part == train else train
        timed = self.time_bins > 0 or (like is None and self.split == "time")
        return self.read(part, like, timed=timed, pairs=pairs, say=say)

    def _positives(self, tables: list[Table], sources: list[str], say: Say) -> list[Table]:
        """Keep the rows from `positive_from` on, and say how many are left out."""
        assert self.positive_from is not None
        kept = []
        for table, source in zip(tables, sources, strict=True):
            kept.append(positives(table, self.positive_from, source))
            left_out = len(table) - len(kept[-1])
            say(f"{source}: {left_out:,} rows with ratings below {self.positive_from:g} left out")
        return kept

    def _with_sides(self, data: TaskData, say: Say) -> TaskData:
        """Add side tables and bins of times, and say what was understood of them."""
        tables = [
            None if path is None else read_side_table(path, role)
            for role, path in (("user", self.user_features), ("item", self.item_features))
        ]
        sides = Sides((tables[0], tables[1]), self.feature_bins, self.time_bins)
        train = data.splits.train
        for features in sides.features(Encoder.fit(train)):
            if features is not None:
                say(features.note)
        if (bins := sides.bins(train)) is not None:
            say(f"times are in {len(bins)} bins")
        return replace(data, sides=sides)

    def _task(self, given: TaskName | None, train: Table, say: Say) -> TaskName:
        """Return the task, and say why it is this one."""
        if given is not None:
            task, why = given, "as given"
        elif self.positive_from is not None:
            task, why = "ranking", "positive_from is given"
        else:
            task, why = find_task(train)
            why += "; --task names another"
        if self.positive_from is not None and task != "ranking":
            raise NaspError(f"positive_from is for the task ranking, not {task}: leave it out")
        if self.negatives is not None and task == "rating":
            raise NaspError("negatives are for ranking and click, not for rating: leave them out")
        say(f"task {task}: {why}")
        return task


@dataclass
class DataOptions(RatingOptions):
    """Options of the data and their split.

    Attributes:
        data: A name in datasets/, a path to a table (csv and similar, parquet, feather, JSON lines,
            xlsx, SQLite, npz, libfm, lines of a user and its items), or synthetic.
        valid_data: Validation ratings of a given split; null draws them from the training ratings.
        test_data: Test ratings of a given split, whose training ratings are `data`; null takes the
            files that the data set's card names, or splits `data`.
        given: Names of options that have a value from a file or from the command line.
    """

    given: ClassVar[frozenset[str]] = frozenset()

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
            task=self.task or card.task,
            negatives=self.negatives or card.negatives,
        )

    def for_task(self, task: TaskName, rows: int, say: Say = say_nothing) -> Self:
        """Return these options with values that suit the task, where no value was given.

        Args:
            task: The task.
            rows: Number of training rows.
            say: Called with what the number of rows changes.
        """
        suitable = self.defaults_of(task, rows, say)
        defaults = {field.name: field.default for field in fields(self)}
        others = {
            name: value
            for name, value in suitable.items()
            if name in defaults and name not in self.given and getattr(self, name) == defaults[name]
        }
        return replace(self, **others)

    def defaults_of(self, task: TaskName, rows: int, say: Say) -> Mapping[str, Any]:
        """Return the task's own defaults for so many training rows, by name."""
        suitable = dict(TASK_DEFAULTS[task])
        if task == "rating":
            suitable |= _for_many_ratings(rows)
        if task == "ranking" and rows > MANY_PAIRS:
            suitable |= FOR_MANY_PAIRS
            say(
                f"fewer epochs and trials, because there are more than {MANY_PAIRS:,} training "
                "pairs; --train_epochs and --closed_form_trials give more"
            )
        if task != "click" and rows > FEW_EDGES and "encoders" not in self.given:
            suitable["encoders"] = ("id", "history")
            say(
                f"no graphs, because there are more than {FEW_EDGES:,} training rows; --encoders "
                "adds them"
            )
        return suitable

    def task_data(self, seed: int, say: Say = say_on_stderr) -> TaskData:
        """Read, check and split the ratings; see `load`.

        Args:
            seed: Of the split.
            say: Called with a summary of each table.

        Raises:
            NaspError: Something is wrong with the data; the message says what and where.
        """
        if self.valid_data is not None and self.test_data is None:
            raise NaspError("valid_data needs test_data: give both, or neither")
        valid, test = (
            None if path is None else str(path) for path in (self.valid_data, self.test_data)
        )
        return self.load(self.data, seed, say, valid=valid, test=test)


def _for_many_ratings(rows: int) -> dict[str, Any]:
    """Return the options that suit this number of training ratings."""
    size = 1 << (rows // STEPS).bit_length()
    return {"batch_size": size} if size > TrainOptions.batch_size else {}


@dataclass
class SearchConfig(RunOptions, SearchOptions, DataOptions):
    """All options of `python -m sif.search`."""

    shown = SHOWN


@dataclass
class TrainConfig(RunOptions, TrainOptions, DataOptions):
    """All options of `python -m sif.train`.

    Attributes:
        genotype: The genotype.json of a search, a run's folder that holds one, or the name of a
            known model, for example lightgcn.
        epochs: Maximum number of epochs.
    """

    shown = SHOWN
    genotype: str = "genotype.json"
    epochs: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "epochs")
        check_at_most(self, MANY, "epochs")

    def defaults_of(self, task: TaskName, rows: int, say: Say) -> Mapping[str, Any]:
        """Return the task's own defaults; the epochs are those of a training in a search."""
        defaults = super().defaults_of(task, rows, say)
        return {**defaults, "epochs": defaults.get("train_epochs", self.epochs)}


@dataclass
class SideOptions:
    """Options of side tables for a trained model.

    Attributes:
        user_features: A table with the columns that training had, whose users the model is to know,
            too: those without ratings are predicted by their features.
        item_features: The same for items.
    """

    user_features: Path | None = None
    item_features: Path | None = None


@dataclass
class EvalConfig(EvaluationOptions, SideOptions, TableOptions):
    """All options of `python -m sif.evaluate`.

    Attributes:
        model: The model.pt of a search or a training, or the folder of its run.
        data: Ratings to evaluate on, with the columns of the training data: a path, or a name in
            datasets/.
        rating_transform: log or none; null takes that of the training data.
    """


@dataclass
class RecommendConfig(ModelOptions, SideOptions):
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
            check_table_file(self.output)


@dataclass
class ExportConfig(ModelOptions):
    """All options of `python -m sif.export`.

    Attributes:
        output: The file to write, .csv or .parquet.
        device: auto, cpu, cuda, cuda:1 or mps.
    """

    output: Path = Path("embeddings.parquet")
    device: str = "auto"

    def __post_init__(self) -> None:
        check_table_file(self.output)


def check_table_file(path: Path) -> None:
    """Check the name of a table that a command is to write.

    Raises:
        NaspError: Its suffix is not known, or its folder does not exist.
    """
    check_known("suffix of output:", path.suffix, (".csv", ".parquet"))
    if not path.parent.is_dir():
        raise NaspError(f"{path}: there is no folder {path.parent}: make it")
