"""The options of every search."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nasp.cli.option_checks import MANY, check_at_most, check_not_negative, check_positive
from nasp.errors import NaspError
from nasp.registry import JoinedRegistry, check_choice, choice_field, chosen_name
from nasp.samplers import SAMPLERS
from nasp.strategies import ONE_SHOT

STRATEGIES: JoinedRegistry[Any] = JoinedRegistry(ONE_SHOT, SAMPLERS)
"""All strategies by name: those that search on shared weights, and samplers."""


def strategy_field(**defaults: Any) -> Any:
    """Return the option field for a strategy; `defaults` apply to the options of all strategies."""
    return choice_field("nasp", STRATEGIES, **defaults)


@dataclass
class SearchOptions:
    """Options of a search.

    Attributes:
        strategy: A strategy that searches on shared weights, or a sampler, which trains each
            architecture alone. A mapping of `name` and options sets the strategy's own options.
        epochs: Number of epochs of a search on shared weights.
        warm_up: Number of first epochs of a search on shared weights that train only the weights.
        answer: The epoch whose architecture a search on shared weights returns: the best by
            validation, or the last. null takes the strategy's own: the best for NASP, and the last
            for DARTS, as its paper does. Epochs of the warm-up are never returned.
        restarts: Number of searches on shared weights. The best by validation is returned.
        finalists: Number of the best restarts whose architectures are trained alone. The best of
            them by validation is returned. 0 trains none.
        trials: Number of architectures that a sampler tries.
        trials_at_once: Number of trials that a sampler proposes before it gets their results. An
            executor can run them in parallel.
        train_epochs: Maximum number of epochs for which an architecture is trained alone.
    """

    strategy: str | Mapping[str, Any] = strategy_field()
    epochs: int = 50
    warm_up: int = 0
    answer: Literal["best", "last"] | None = None
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
