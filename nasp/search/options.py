"""The options that every search has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nasp.cli.option_checks import MANY, check_at_most, check_not_negative, check_positive
from nasp.errors import NaspError
from nasp.registry import JoinedRegistry, check_choice, choice_field, chosen_name
from nasp.samplers import SAMPLERS
from nasp.strategies import ONE_SHOT

STRATEGIES: JoinedRegistry[Any] = JoinedRegistry(ONE_SHOT, SAMPLERS)
"""All that can search, by name: on shared weights, or by trials."""


def strategy_field(**defaults: Any) -> Any:
    """The field of a search's strategy: `nasp`, with defaults for the options of all strategies."""
    return choice_field("nasp", STRATEGIES, **defaults)


@dataclass
class SearchOptions:
    """How an architecture is searched.

    Attributes:
        strategy: One that searches on shared weights, or one that trains each architecture it tries
            alone; a mapping of `name` and its own options sets these, too.
        epochs: Epochs of a search on shared weights.
        warm_up: First epochs of it in which only weights take steps.
        answer: Which epoch's architecture it finds: the best by validation, or the last, as in the
            papers; never one of the warm-up.
        restarts: Searches on shared weights; validation chooses among what they find.
        finalists: Best of what they find, which are trained alone, whereupon validation chooses
            again; 0 trains none.
        trials: Architectures that a strategy tries which trains each alone.
        trials_at_once: Trials that it proposes before it learns of their results; so many can run
            side by side.
        train_epochs: Epochs for which an architecture is trained alone, at most.
    """

    strategy: str | Mapping[str, Any] = strategy_field()
    epochs: int = 50
    warm_up: int = 0
    answer: Literal["best", "last"] = "best"
    restarts: int = 1
    finalists: int = 0
    trials: int = 8
    trials_at_once: int = 1
    train_epochs: int = 10

    def __post_init__(self) -> None:
        check_choice(self, "strategy")
        check_positive(self, "epochs", "restarts", "trials", "trials_at_once", "train_epochs")
        check_at_most(self, MANY, "epochs", "restarts", "trials", "trials_at_once", "train_epochs")
        check_not_negative(self, "warm_up", "finalists")
        if self.one_shot and self.warm_up >= self.epochs:
            raise NaspError(
                f"warm_up is {self.warm_up}; it must be below epochs, which is {self.epochs}: no "
                "epoch of a warm-up is the answer"
            )

    @property
    def strategy_name(self) -> str:
        """The strategy's name."""
        return chosen_name(self.strategy)

    @property
    def one_shot(self) -> bool:
        """Whether the strategy searches on shared weights."""
        return self.strategy_name in ONE_SHOT
