"""The mathematics of every search: decisions, relaxations, projections, genotypes."""

from typing import TYPE_CHECKING, Any

from nasp.registry import attribute

if TYPE_CHECKING:
    from nasp.core.decision import Decision
    from nasp.core.genotype import Choices, Genotype, choices_of, projection_of
    from nasp.core.parameters import Architecture
    from nasp.core.projection import complexity, prox_c1, prox_c2
    from nasp.core.relaxation import Probe, Relaxation
    from nasp.core.space import SearchSpace

PLACES = {
    "Architecture": "nasp.core.parameters:Architecture",
    "Choices": "nasp.core.genotype:Choices",
    "Decision": "nasp.core.decision:Decision",
    "Genotype": "nasp.core.genotype:Genotype",
    "Probe": "nasp.core.relaxation:Probe",
    "Relaxation": "nasp.core.relaxation:Relaxation",
    "SearchSpace": "nasp.core.space:SearchSpace",
    "choices_of": "nasp.core.genotype:choices_of",
    "complexity": "nasp.core.projection:complexity",
    "projection_of": "nasp.core.genotype:projection_of",
    "prox_c1": "nasp.core.projection:prox_c1",
    "prox_c2": "nasp.core.projection:prox_c2",
}

__all__ = [
    "Architecture",
    "Choices",
    "Decision",
    "Genotype",
    "Probe",
    "Relaxation",
    "SearchSpace",
    "choices_of",
    "complexity",
    "projection_of",
    "prox_c1",
    "prox_c2",
]


def __getattr__(name: str) -> Any:
    return attribute(__name__, PLACES, name)
