"""The options of the main job: of the space, of training and of the search."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from nasp import search
from nasp.cli.option_checks import check_not_negative, check_one_of, check_positive, check_types
from nasp.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

OBJECTIVES: "Registry[Callable[[Tensor, Tensor], Tensor]]" = Registry(
    {"squared_error": "sif.objectives:squared_error"}
)
"""Losses by name, see `sif.objectives`."""


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

    @property
    def network_size(self) -> str:
        """The size of the network, in words."""
        return f"dim {self.embedding_dim}"

    def __post_init__(self) -> None:
        check_types(self)
        check_positive(self, "embedding_dim", "embedding_std")
        check_not_negative(self, "weight_decay")


@dataclass
class TrainOptions(SpaceOptions):
    """How weights are trained.

    Attributes:
        learning_rate: Adagrad's step size for embeddings, biases and heads.
        batch_size: Ratings in a batch.
        patience: Epochs without a better validation RMSE after which training alone stops.
        gradient_clip: Largest norm of the weights' gradient; none if null.
        objective: What the weights make small, beside the penalty.
    """

    learning_rate: float = 0.1
    batch_size: int = 512
    patience: int = 5
    gradient_clip: float | None = None
    objective: str = "squared_error"

    def __post_init__(self) -> None:
        SpaceOptions.__post_init__(self)
        check_one_of(self, "objective", OBJECTIVES)
        check_positive(self, "learning_rate", "batch_size", "patience", "gradient_clip")


@dataclass
class SearchOptions(search.SearchOptions, TrainOptions):
    """How the interaction function is searched.

    Attributes:
        trials: Functions that a strategy tries which trains each alone. The default gives them the
            time of nasp's search, by default options: on MovieLens 100K its searches and trainings
            take as long as 11 to 12 trials of random.
    """

    # SIF starts `A` so.
    strategy: str | Mapping[str, Any] = search.strategy_field(start=(0.5, 1e-3))
    epochs: int = 20
    warm_up: int = 3
    restarts: int = 5
    finalists: int = 5
    trials: int = 12
    train_epochs: int = 100

    def __post_init__(self) -> None:
        TrainOptions.__post_init__(self)
        search.SearchOptions.__post_init__(self)
        check_positive(self, "finalists")
