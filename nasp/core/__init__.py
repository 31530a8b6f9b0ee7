"""The mathematics of all searches: decisions, relaxations, projections and genotypes."""

from typing import TYPE_CHECKING

from nasp.registry import lazy_exports

if TYPE_CHECKING:
    from nasp.core.decision import Decision as Decision
    from nasp.core.genotype import Choices as Choices
    from nasp.core.genotype import Genotype as Genotype
    from nasp.core.genotype import choices_of as choices_of
    from nasp.core.genotype import projection_of as projection_of
    from nasp.core.parameters import Architecture as Architecture
    from nasp.core.projection import complexity as complexity
    from nasp.core.projection import prox_c1 as prox_c1
    from nasp.core.projection import prox_c2 as prox_c2
    from nasp.core.relaxation import Probe as Probe
    from nasp.core.relaxation import Relaxation as Relaxation
    from nasp.core.space import SearchSpace as SearchSpace


__all__, __getattr__ = lazy_exports(
    __name__,
    """
    decision: Decision
    genotype: Choices Genotype choices_of projection_of
    parameters: Architecture
    projection: complexity prox_c1 prox_c2
    relaxation: Probe Relaxation
    space: SearchSpace
    """,
)
