"""The options of the main job: of the space, of training and of the search."""

from dataclasses import dataclass
from typing import Literal

from nasp.cli.option_checks import MANY, above_zero, at_most, declared_types, not_negative, one_of
from nasp.samplers import SAMPLERS
from nasp.strategies import ONE_SHOT


@dataclass
class SpaceOptions:
    """What an interaction function is made of.

    Attributes:
        embedding_dim: Length of an embedding.
        embedding_std: Standard deviation of the embeddings' normal start values.
        biases: Add a global bias and one for each user, item and other entity.
        penalty: `squared` adds `weight_decay` times the mean over the batch of the squared norm of
            a rating's embeddings and biases; `norm`, as the paper has it, adds `weight_decay`
            times the sum of the Frobenius norms of the batch's embedding matrices, not squared.
        weight_decay: Weight of the penalty, in units of squared standardised ratings.
    """

    embedding_dim: int = 8
    embedding_std: float = 0.1
    biases: bool = True
    penalty: Literal["squared", "norm"] = "squared"
    weight_decay: float = 0.05

    def __post_init__(self) -> None:
        declared_types(self)
        above_zero(self, "embedding_dim", "embedding_std")
        not_negative(self, "weight_decay")


@dataclass
class TrainOptions(SpaceOptions):
    """How weights are trained.

    Attributes:
        learning_rate: Adagrad's step size for embeddings, biases and heads.
        batch_size: Ratings in a batch.
        patience: Epochs without a better validation RMSE after which training alone stops.
        gradient_clip: Largest norm of the weights' gradient; none if null.
    """

    learning_rate: float = 0.1
    batch_size: int = 512
    patience: int = 5
    gradient_clip: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        above_zero(self, "learning_rate", "batch_size", "patience", "gradient_clip")


@dataclass
class SearchOptions(TrainOptions):
    """How the interaction function is searched.

    Attributes:
        strategy: nasp, single_level, darts or darts2 (second order); or one that trains each
            function it tries alone: random, exhaustive, reinforce, tpe (Bayesian optimisation) or
            evolution.
        epochs: Epochs of each search.
        warm_up: First epochs of a search in which only weights take steps.
        restarts: Searches, each from another operation; validation chooses among what they find.
        finalists: Best of the functions that the searches find, which are trained alone.
        trials: Functions that random, exhaustive, reinforce, tpe and evolution try. The default
            gives them the time of nasp's search, by default options: on MovieLens 100K its
            searches and trainings take as long as 11 to 12 trials of random.
        train_epochs: Epochs at most when a function is trained alone.
        architecture_learning_rate: Adam's step size for the operations' weights and the MLPs.
        eta: Weight of the complexity regulariser, which prefers functions of few parameters.
    """

    strategy: str = "nasp"
    epochs: int = 20
    warm_up: int = 3
    restarts: int = 5
    finalists: int = 5
    trials: int = 12
    train_epochs: int = 100
    architecture_learning_rate: float = 3e-4
    eta: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "strategy", (*ONE_SHOT, *SAMPLERS))
        above_zero(self, "epochs", "restarts", "finalists", "trials", "train_epochs")
        at_most(self, MANY, "epochs", "restarts", "trials", "train_epochs")
        above_zero(self, "architecture_learning_rate")
        not_negative(self, "warm_up", "eta")
