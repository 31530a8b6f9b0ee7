"""The options of `python -m sif.compare`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from nasp.cli.option_checks import MANY, check_at_most, check_not_negative
from nasp.errors import NaspError, check_known
from nasp.experiment.compare_options import CompareOptions
from nasp.registry import class_and_options
from nasp.search import STRATEGIES
from sif.baselines import BASELINES, CLICK_BASELINES
from sif.closed_forms import CLOSED_FORMS
from sif.config import RatingOptions
from sif.options import KNOWN, SearchOptions

Bounds = tuple[float, float]
"""Smallest and largest value of a hyper-parameter, which is drawn on a logarithmic scale."""
OWN = "strategy."  # prefix of the names of a strategy's own options
SINGLE = ("plus", "max", "min", "concat")
"""Functions of embeddings that are compared as they are; the product is `biased_mf`."""
MEMBERS = (*(name for name in KNOWN["rating"] if name != "biases"), *SINGLE)
"""Members of the space that are compared beside what a search finds."""
NAMES = (*MEMBERS, *BASELINES, *STRATEGIES, "general_mlp")
"""All methods of ratings except the global mean and the biases."""
WHOLE = "search"
RANKERS = (*CLOSED_FORMS, *KNOWN["ranking"], WHOLE)
"""Methods of rankings besides the strategies."""
CLICKS = ("global_mean", "biases", *KNOWN["click"], *CLICK_BASELINES)
"""Further methods of clicks."""


@dataclass(frozen=True)
class Ranges:
    """Bounds of the tuned hyper-parameters; null does not tune one.

    Attributes:
        learning_rate: Learning rate of the weights, for all methods.
        weight_decay: Weight of the penalty, for all methods.
        strategies: Strategies' own options, for example {nasp: {learning_rate: [1e-4, 1e-2]}}.
    """

    learning_rate: Bounds | None = (0.01, 0.5)
    weight_decay: Bounds | None = (0.5, 50.0)
    strategies: dict[str, dict[str, Bounds]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, bounds in self._shared().items():
            _check_bounds(f"tune.{name}", bounds)
        for strategy, own in self.strategies.items():
            check_known("strategy in tune.strategies:", str(strategy), STRATEGIES)
            for name, bounds in own.items():
                _check_own(strategy, name, bounds)

    def of(self, method: str) -> dict[str, Bounds]:
        """Return the bounds of a method's hyper-parameters, by the names of `for_method`."""
        own = self.strategies.get(method, {})
        return self._shared() | {OWN + name: bounds for name, bounds in own.items()}

    def _shared(self) -> dict[str, Bounds]:
        values = {"learning_rate": self.learning_rate, "weight_decay": self.weight_decay}
        return {name: bounds for name, bounds in values.items() if bounds is not None}


def _check_bounds(name: str, bounds: Bounds) -> None:
    if not 0 < bounds[0] < bounds[1]:
        raise NaspError(f"{name} is {list(bounds)}; it must be two numbers, 0 < a < b")


def _check_own(strategy: str, name: str, bounds: Bounds) -> None:
    """Check that a strategy has a numeric option of this name, and accepts both bounds."""
    key = f"tune.strategies.{strategy}.{name}"
    _check_bounds(key, bounds)
    options = SearchOptions(strategy=strategy)
    defaults = class_and_options(options, "strategy")[1]
    known = [option.name for option in fields(defaults)]
    if not known:
        raise NaspError(f"{key}: {strategy} has no options of its own: leave it out")
    check_known(f"option of {strategy} in tune.strategies:", str(name), known)
    default = getattr(defaults, name)
    if isinstance(default, bool) or not isinstance(default, int | float):
        raise NaspError(f"{key} cannot be tuned: its value is {default!r}, not a number")
    if isinstance(default, int) and any(bound != int(bound) for bound in bounds):
        raise NaspError(f"{key} is {list(bounds)}; its values are whole numbers, so both must be")
    for bound in bounds:
        try:
            class_and_options(
                for_method(strategy, options, {OWN + name: type(default)(bound)}), "strategy"
            )
        except NaspError as error:
            raise NaspError(f"{key} is {list(bounds)}, and {error}") from error


def for_method(method: str, options: SearchOptions, values: Mapping[str, float]) -> SearchOptions:
    """Return the options of one method.

    Args:
        method: The method. If it is a strategy, the options choose it, and keep its own options.
        options: Options of all methods.
        values: Different values by option; `strategy.eta` is the strategy's own option `eta`.
    """
    own = {name.removeprefix(OWN): v for name, v in values.items() if name.startswith(OWN)}
    changed: dict[str, Any] = {n: v for n, v in values.items() if not n.startswith(OWN)}
    if method in STRATEGIES:
        given = options.strategy if options.strategy_name == method else {}
        given = {} if isinstance(given, str) else given
        changed["strategy"] = {**given, "name": method, **own}
    return replace(options, **changed)


@dataclass
class CompareConfig(CompareOptions, RatingOptions):
    """All options of `python -m sif.compare`.

    Attributes:
        methods: Methods to compare; all of the task if empty. For ratings, the global mean and the
            biases are always included, and methods that do not support the number of entities of a
            data set are left out. For rankings, popularity is always included, and `search` is the
            whole of `sif.search`.
        embedding_dims: Lengths of an embedding; for rankings, search.embedding_dim is the only one.
        seeds: Number of splits, with seeds from `seed` on; all methods use the same splits.
        tuning_trials: Number of tuning trials for each method of ratings, data set and
            embedding_dim; for rankings, search.closed_form_trials is that of closed forms.
        tune: Bounds of the hyper-parameters of ratings.
        search: Options of all methods that are neither compared nor tuned.
    """

    data: tuple[str, ...] = ("movielens",)
    embedding_dims: tuple[int, ...] = (8,)
    seeds: int = 5
    tuning_trials: int = 12
    tune: Ranges = Ranges()
    search: SearchOptions = field(default_factory=SearchOptions)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.device not in ("auto", "cpu"):
            raise NaspError(f"device is {self.device}; a comparison runs on the CPU: leave it out")
        check_at_most(self, MANY, "tuning_trials")
        check_not_negative(self, "tuning_trials")

    def known_methods(self) -> Collection[str]:
        return dict.fromkeys((*NAMES, *RANKERS, *CLICKS))

    def listed(self) -> Collection[str]:
        return ("data", "embedding_dims", "methods")

    def options(self, method: str, embedding_dim: int, tuned: Mapping[str, float]) -> SearchOptions:
        """Return the options of one method on one data set; see `for_method`."""
        options = self.of_strategy(method) if method in STRATEGIES else self.search
        return for_method(method, replace(options, embedding_dim=embedding_dim), tuned)

    def identity(self, method: str) -> dict[str, Any]:
        kept = {k: v for k, v in super().identity(method).items() if k.split(".")[0] != "tune"}
        return {**kept, "tune": self.tune.of(method), "tuned on seed": self.seed}
