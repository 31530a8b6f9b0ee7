"""The options of the main job, those of the space and of training included."""

from dataclasses import dataclass

from nasp.core.check import above_zero, not_negative, one_of
from nasp.strategies import ONE_SHOT, SAMPLERS
from sif.fit import TrainOptions


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
        above_zero(self, "architecture_learning_rate")
        not_negative(self, "warm_up", "eta")
