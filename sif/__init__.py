"""Searches the interaction function of collaborative filtering (SIF, arXiv 1906.12091)."""

from typing import TYPE_CHECKING, Any

from nasp.registry import attribute

if TYPE_CHECKING:
    from sif.estimator import InteractionSearch
    from sif.recommender import InteractionModel

PLACES = {
    "InteractionModel": "sif.recommender:InteractionModel",
    "InteractionSearch": "sif.estimator:InteractionSearch",
}

__all__ = ["InteractionModel", "InteractionSearch"]


def __getattr__(name: str) -> Any:
    return attribute(__name__, PLACES, name)
