"""The registry of strategies: a new one is a file here and a line below."""

from typing import TYPE_CHECKING, Any

from nasp.registry import Registry, attribute

if TYPE_CHECKING:
    from nasp.strategies.base import Strategy, StrategyOptions

ONE_SHOT: "Registry[type[Strategy]]" = Registry(
    {
        "nasp": "nasp.strategies.nasp:NASP",
        "darts": "nasp.strategies.darts:DARTS",
        "darts2": "nasp.strategies.darts:SecondOrderDARTS",
        "single_level": "nasp.strategies.single_level:SingleLevel",
    }
)
PLACES = {
    "Strategy": "nasp.strategies.base:Strategy",
    "StrategyOptions": "nasp.strategies.base:StrategyOptions",
}

__all__ = ["ONE_SHOT", "Strategy", "StrategyOptions"]


def __getattr__(name: str) -> Any:
    return attribute(__name__, PLACES, name)
