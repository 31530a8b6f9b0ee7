"""The registry of strategies: a new one is a file here and a line below."""

from typing import TYPE_CHECKING, Any

from nasp.core.registry import Registry, attribute

if TYPE_CHECKING:
    from nasp.strategies.base import Strategy, StrategyOptions
    from nasp.strategies.sampler import Proposal, Sampler

ONE_SHOT: "Registry[type[Strategy]]" = Registry(
    {
        "nasp": "nasp.strategies.nasp:NASP",
        "darts": "nasp.strategies.darts:DARTS",
        "darts2": "nasp.strategies.darts:SecondOrderDARTS",
        "single_level": "nasp.strategies.single_level:SingleLevel",
    }
)
SAMPLERS: "Registry[type[Sampler]]" = Registry(
    {
        "random": "nasp.strategies.sampler:Random",
        "exhaustive": "nasp.strategies.exhaustive:Exhaustive",
        "reinforce": "nasp.strategies.reinforce:Reinforce",
        "tpe": "nasp.strategies.tpe:TPE",
        "evolution": "nasp.strategies.evolution:Evolution",
    }
)
PLACES = {
    "Proposal": "nasp.strategies.sampler:Proposal",
    "Sampler": "nasp.strategies.sampler:Sampler",
    "Strategy": "nasp.strategies.base:Strategy",
    "StrategyOptions": "nasp.strategies.base:StrategyOptions",
}

__all__ = ["ONE_SHOT", "SAMPLERS", "Proposal", "Sampler", "Strategy", "StrategyOptions"]


def __getattr__(name: str) -> Any:
    return attribute(__name__, PLACES, name)
