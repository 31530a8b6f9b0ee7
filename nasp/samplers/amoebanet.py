"""Regularised evolution with the parameters of AmoebaNet (Real et al., AAAI 2019)."""

from dataclasses import dataclass
from typing import ClassVar

from nasp.samplers.evolution import Evolution, EvolutionOptions


@dataclass(frozen=True)
class AmoebaNetOptions(EvolutionOptions):
    """Options of AmoebaNet's evolution, as in its paper, which makes 20,000 trials.

    Attributes:
        population: Size of the population.
        tournament: Number of members drawn for each child.
        identity: Probability that a child equals its parent.
    """

    population: int = 100
    tournament: int = 25
    identity: float = 0.05


class AmoebaNet(Evolution):
    """The sampler `evolution` with the paper's population, tournament and identity mutation.

    It draws at random for as many trials as its population has members.
    """

    Options: ClassVar[type[EvolutionOptions]] = AmoebaNetOptions
