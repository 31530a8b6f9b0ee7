"""Options of the interaction space, of training and of the search."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from nasp import search
from nasp.cli.option_checks import (
    MANY,
    check_at_most,
    check_not_negative,
    check_one_of,
    check_positive,
    check_types,
)
from nasp.errors import NaspError, check_known
from nasp.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

OBJECTIVES: "Registry[Callable[[Tensor, Tensor], Tensor]]" = Registry(
    {
        "squared_error": "sif.objectives:squared_error",
        "logistic": "sif.objectives:logistic",
    }
)
"""Objectives of ratings and clicks by name, see `sif.objectives`."""

RANKING_OBJECTIVES: "Registry[Callable[[Tensor, Tensor, float], Tensor]]" = Registry(
    {name: f"sif.objectives:{name}" for name in ("sampled_softmax", "bpr", "weighted_logistic")}
)
"""Objectives of rankings by name, see `sif.objectives`."""

ENCODERS: Registry[Any] = Registry(
    {
        name: f"sif.nn.encoders:{name.upper()}"
        for name in ("id", "history", "graph1", "graph2", "graph3")
    }
)
"""Encoders by name, each a `sif.nn.encoders.Encoder`.

`id` is the embedding. `history` adds the embeddings of what a user rated, or of those who rated an
item. `graph1` to `graph3` sum the embeddings over as many steps of propagation in the graph.
"""

MOST_TOWERS = 4


KNOWN: Mapping[str, tuple[str, ...]] = {
    "rating": ("biases", "biased_mf", "svdpp_shared", "lightgcn"),
    "ranking": ("biased_mf", "svdpp_shared", "lightgcn"),
    "click": ("fm", "deepfm", "fm_cross"),
}
"""Names of each task's known models, whose genotypes are in `sif.zoo` and `sif.tasks.click`."""


@dataclass
class SpaceOptions:
    """Options of interaction functions.

    Attributes:
        embedding_dim: Length of an embedding.
        embedding_std: Standard deviation of the initial embeddings, which are normal.
        biases: Whether to add a bias for each user, item and other entity.
        encoders: How encodings of users and items may be made: id, their embeddings; history, with
            those of what they rated or who rated them; graph1 to graph3, propagated through the
            graph of ratings.
        terms: Number of functions, of different encoders, whose sum is the rating.
        elementwise: Whether element-wise MLPs transform encodings before a function, as in the
            paper.
        penalty: `per_id`, for ratings, is the squared norm of each id's embedding and bias, once
            for all of its ratings: a Gaussian prior, as strong for an id of few ratings as for one
            of many. `squared` has it once for each rating. `norm`, as in the paper, is the sum of
            the Frobenius norms, not squared, of the batch's embedding matrices.
        weight_decay: Weight of the penalty: of a squared norm against the squared error of a
            standardised rating.
    """

    embedding_dim: int = 8
    embedding_std: float = 0.1
    biases: bool = True
    encoders: tuple[str, ...] = tuple(ENCODERS)
    terms: int = 1
    elementwise: bool = False
    penalty: Literal["per_id", "squared", "norm"] = "per_id"
    weight_decay: float = 5.0

    @property
    def network_size(self) -> str:
        """The size of the network, in words."""
        return f"dim {self.embedding_dim}"

    def __post_init__(self) -> None:
        check_types(self)
        for name in self.encoders:
            check_known("encoder", name, ENCODERS)
        if len(set(self.encoders)) < len(self.encoders):
            raise NaspError(f"encoders {self.encoders}: name each once")
        check_positive(self, "embedding_dim", "embedding_std", "terms")
        check_at_most(self, len(self.encoders), "terms")
        check_not_negative(self, "weight_decay")


@dataclass
class FieldOptions(SpaceOptions):
    """Options of functions of many fields, for clicks.

    Attributes:
        pairs: Number of pairs of fields that a function keeps; 0 keeps all.
        towers: Number of towers over all embeddings, each of cross layers, of hidden layers or of
            none. Their sum is added to the logit.
        hidden_units: Units of each hidden layer.
        cross_rank: Rank of the matrix of each cross layer; 0 for full matrices.
        dropout: Probability that a hidden unit is dropped in training.
    """

    pairs: int = 0
    towers: int = 1
    hidden_units: int = 400
    cross_rank: int = 0
    dropout: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "towers", "hidden_units")
        check_at_most(self, MOST_TOWERS, "towers")
        check_not_negative(self, "pairs", "cross_rank")
        check_not_negative(self, "dropout", below=1.0)


Kind = TypeVar("Kind", bound=SpaceOptions)


def space_options(options: SpaceOptions, kind: type[Kind]) -> Kind:
    """Return the options of the space alone.

    Args:
        options: Options that include them.
        kind: The class of the space's options.
    """
    return kind(**{field.name: getattr(options, field.name) for field in fields(kind)})


@dataclass
class TrainOptions(FieldOptions):
    """Options of the training of weights.

    Attributes:
        optimizer: Adam, or Adagrad.
        learning_rate: The optimiser's step size for embeddings, biases and heads.
        batch_size: Number of ratings in a batch.
        patience: Number of epochs without a better validation metric after which a stand-alone
            training stops.
        gradient_clip: Largest norm of the weights' gradient; null does not clip.
        objective: Training loss of the weights, to which the penalty is added: squared_error for
            ratings; sampled_softmax, bpr or weighted_logistic for rankings; logistic for clicks.
        averaging: For rankings and clicks, a moving average of the weights over about so many
            epochs is evaluated and kept; 0 keeps the weights themselves.
        sweeps: Number of draws from the posterior of a function that is linear in each encoding,
            such as a product; the predictions of most of them are averaged. Another function has a
            draw for each ten, if it is better by far. 0 draws none.
        average: Largest number of models whose predictions are averaged, if validation is better by
            it; 1 for a single model, the only choice for clicks.
        refit: Train the answer again, on training and validation ratings together.
        closed_form_trials: Number of trials of the options of each ranking in closed form, which
            competes with the function in the task ranking; 0 leaves out all but popularity.
    """

    optimizer: Literal["adagrad", "adam"] = "adagrad"
    learning_rate: float = 0.1
    batch_size: int = 1024
    patience: int = 5
    gradient_clip: float | None = None
    objective: str = "squared_error"
    averaging: float = 0.0
    sweeps: int = 200
    average: int = 1
    refit: bool = True
    closed_form_trials: int = 10

    def __post_init__(self) -> None:
        FieldOptions.__post_init__(self)
        check_one_of(self, "objective", [*OBJECTIVES, *RANKING_OBJECTIVES])
        check_positive(self, "learning_rate", "batch_size", "patience", "gradient_clip", "average")
        check_not_negative(self, "averaging", "sweeps", "closed_form_trials")
        check_at_most(self, MANY, "sweeps")


@dataclass
class SearchOptions(search.SearchOptions, TrainOptions):
    """Options of a search for an interaction function.

    Attributes:
        trials: Number of functions that a sampler tries. The default gives samplers the same time
            as nasp with default options, whose searches and trainings on MovieLens 100K take as
            long as 8 trials.
        known: Known models that are trained beside what is found: biases, biased_mf, svdpp_shared
            and lightgcn for ratings, the last three for rankings, fm, deepfm and fm_cross for
            clicks; null takes all of the task's, and [] none. Those that are no members of the
            searched space are left out, for example lightgcn without the encoder graph3. The best
            by validation is the answer.
    """

    # The initial values of `A` are those of SIF.
    strategy: str | Mapping[str, Any] = search.strategy_field(start=(0.5, 1e-3))
    epochs: int = 20
    warm_up: int = 2
    restarts: int = 3
    finalists: int = 2
    trials: int = 8
    train_epochs: int = 100
    known: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        TrainOptions.__post_init__(self)
        search.SearchOptions.__post_init__(self)
        check_positive(self, "finalists")
        every = dict.fromkeys(name for names in KNOWN.values() for name in names)
        for name in self.known or ():
            check_known("known model", name, every)


def known_names(options: TrainOptions, task: str) -> tuple[str, ...]:
    """Return the names of the known models that a task trains; none in a training alone.

    Raises:
        NaspError: One is a model of another task.
    """
    if not isinstance(options, SearchOptions):
        return ()
    for name in options.known or ():
        check_known(f"known model of the task {task}:", name, KNOWN[task])
    return KNOWN[task] if options.known is None else options.known


def search_values(options: TrainOptions) -> dict[str, Any]:
    """Return the values of a search's or a training's options by name, for the model's file."""
    names = (field.name for field in fields(SearchOptions))
    return {name: getattr(options, name) for name in names if hasattr(options, name)}
