"""The registry of samplers: a new one is a file here and a line below."""

from typing import TYPE_CHECKING, Any

from nasp.registry import Registry, attribute

if TYPE_CHECKING:
    from nasp.samplers.base import Proposal, Sampler
    from nasp.samplers.trial import Trial

SAMPLERS: "Registry[type[Sampler]]" = Registry(
    {
        "random": "nasp.samplers.random:Random",
        "exhaustive": "nasp.samplers.exhaustive:Exhaustive",
        "reinforce": "nasp.samplers.reinforce:Reinforce",
        "tpe": "nasp.samplers.tpe:TPE",
        "evolution": "nasp.samplers.evolution:Evolution",
    }
)
PLACES = {
    "Proposal": "nasp.samplers.base:Proposal",
    "Sampler": "nasp.samplers.base:Sampler",
    "Trial": "nasp.samplers.trial:Trial",
}

__all__ = ["SAMPLERS", "Proposal", "Sampler", "Trial"]


def __getattr__(name: str) -> Any:
    return attribute(__name__, PLACES, name)
