"""Search for interaction functions of collaborative filtering (SIF, arXiv 1906.12091)."""

from typing import TYPE_CHECKING

from nasp.registry import lazy_exports

if TYPE_CHECKING:
    from sif.estimator import InteractionSearch as InteractionSearch
    from sif.models.rating import InteractionModel as InteractionModel


__all__, __getattr__ = lazy_exports(
    __name__,
    """
    estimator: InteractionSearch
    models.rating: InteractionModel
    """,
)
