"""The registry of strategies: a new one is a file here and a line below."""

from nasp.strategies.base import Strategy, StrategyOptions
from nasp.strategies.darts import DARTS, SecondOrderDARTS
from nasp.strategies.evolution import Evolution
from nasp.strategies.exhaustive import Exhaustive
from nasp.strategies.nasp import NASP
from nasp.strategies.reinforce import Reinforce
from nasp.strategies.sampler import Proposal, Random, Sampler
from nasp.strategies.single_level import SingleLevel
from nasp.strategies.tpe import TPE

ONE_SHOT: dict[str, type[Strategy]] = {
    "nasp": NASP,
    "darts": DARTS,
    "darts2": SecondOrderDARTS,
    "single_level": SingleLevel,
}
SAMPLERS: dict[str, type[Sampler]] = {
    "random": Random,
    "exhaustive": Exhaustive,
    "reinforce": Reinforce,
    "tpe": TPE,
    "evolution": Evolution,
}

__all__ = ["ONE_SHOT", "SAMPLERS", "Proposal", "Sampler", "Strategy", "StrategyOptions"]
