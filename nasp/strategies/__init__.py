"""The registry of strategies: a new one is a file here and a line below."""

from typing import TYPE_CHECKING, Any

from nasp.registry import Registry, attribute

if TYPE_CHECKING:
    from nasp.strategies.base import Loss, Strategy
    from nasp.strategies.gradient import GradientOptions, GradientStrategy

ONE_SHOT: "Registry[type[Strategy]]" = Registry(
    {
        "nasp": "nasp.strategies.nasp:NASP",
        "darts": "nasp.strategies.darts:DARTS",
        "darts2": "nasp.strategies.darts:SecondOrderDARTS",
        "single_level": "nasp.strategies.single_level:SingleLevel",
    }
)
PLACES = {
    "GradientOptions": "nasp.strategies.gradient:GradientOptions",
    "GradientStrategy": "nasp.strategies.gradient:GradientStrategy",
    "Loss": "nasp.strategies.base:Loss",
    "Strategy": "nasp.strategies.base:Strategy",
}

__all__ = ["ONE_SHOT", "GradientOptions", "GradientStrategy", "Loss", "Strategy"]


def __getattr__(name: str) -> Any:
    return attribute(__name__, PLACES, name)
